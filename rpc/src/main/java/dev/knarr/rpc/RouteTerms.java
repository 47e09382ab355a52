// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.util.Optional;
import java.util.Set;

/**
 * What our own programs say of themselves in the bytes of HELLO that are free: unmodified peers on
 * TCP look at the first four only, which stay 0.
 *
 * <table>
 * <caption>Bytes of the capabilities</caption>
 * <tr><th>offset</th><th>size</th><th>field</th></tr>
 * <tr><td>0</td><td>4</td><td>0</td></tr>
 * <tr><td>4</td><td>4</td><td>{@code K n r r}</td></tr>
 * <tr><td>8</td><td>1</td><td>role</td></tr>
 * <tr><td>9</td><td>1</td><td>version of the router protocol</td></tr>
 * <tr><td>10</td><td>2</td><td>link, of a peer</td></tr>
 * <tr><td>12</td><td>4</td><td>features, a bit each</td></tr>
 * <tr><td>16</td><td>8</td><td>token of a session</td></tr>
 * </table>
 *
 * @param role what the connection is for
 * @param version the router protocol's
 * @param link the link that a peer opens, 0 to 65535
 * @param features what is wanted, or granted
 * @param token of the session: from a worker its own, from a peer the one it wants to join
 */
public record RouteTerms(Role role, int version, int link, Set<RouteFeature> features, long token) {
  /** The version that this program speaks. */
  public static final int VERSION = 1;

  /** {@code Knrr}, read as a little-endian number. */
  private static final int MAGIC = 0x72726e4b;

  /** What a connection is for. */
  public enum Role {
    /** A router that serves one llama-server. */
    ROUTER(1),
    /** Another worker, which brings tensors for a session. */
    PEER(2),
    /** A router that ends a session of its own, whatever that session waits for. */
    END(3);

    private final int code;

    Role(int code) {
      this.code = code;
    }

    private static Optional<Role> of(int code) {
      for (Role role : values()) {
        if (role.code == code) {
          return Optional.of(role);
        }
      }
      return Optional.empty();
    }
  }

  public RouteTerms {
    features = Set.copyOf(features);
  }

  /** What a router asks for. */
  public static RouteTerms router(Set<RouteFeature> features) {
    return new RouteTerms(Role.ROUTER, VERSION, 0, features, 0);
  }

  /** What a worker says to the worker that it brings tensors to. */
  public static RouteTerms peer(int link, long token) {
    return new RouteTerms(Role.PEER, VERSION, link, Set.of(), token);
  }

  /** What a router says to end a session. */
  public static RouteTerms end(long token) {
    return new RouteTerms(Role.END, VERSION, 0, Set.of(), token);
  }

  /** The terms in a HELLO or its answer; empty when the other side is not of our kind. */
  public static Optional<RouteTerms> of(Capabilities capabilities) {
    int magic = (int) (capabilities.word0() >>> 32);
    int tail = (int) capabilities.word1();
    int version = tail >>> 8 & 0xff;
    if (!capabilities.tcpOnly() || magic != MAGIC || version != VERSION) {
      return Optional.empty();
    }
    return Role.of(tail & 0xff)
        .map(
            role ->
                new RouteTerms(
                    role,
                    version,
                    tail >>> 16,
                    RouteFeature.of((int) (capabilities.word1() >>> 32)),
                    capabilities.word2()));
  }

  /** As bytes of HELLO. */
  public Capabilities capabilities() {
    long tail = role.code | (version << 8) | (link << 16);
    return new Capabilities(
        Integer.toUnsignedLong(MAGIC) << 32,
        (tail & 0xffff_ffffL) | ((long) RouteFeature.bits(features) << 32),
        token);
  }
}
