// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.util.Comparator;

/**
 * A version as it travels in the HELLO answer, each part an unsigned byte. Only the server tells
 * its version; {@link ProtocolEdition} is the table of what each version means.
 */
public record ProtocolVersion(int major, int minor, int patch)
    implements Comparable<ProtocolVersion> {
  /** Protocol 8.0. */
  public static final ProtocolVersion V8_0 = new ProtocolVersion(8, 0, 0);

  private static final Comparator<ProtocolVersion> ORDER =
      Comparator.comparingInt(ProtocolVersion::major)
          .thenComparingInt(ProtocolVersion::minor)
          .thenComparingInt(ProtocolVersion::patch);

  public ProtocolVersion {
    if (((major | minor | patch) & ~0xff) != 0) {
      throw new IllegalArgumentException(
          "Each part of version %d.%d.%d must be 0 to 255".formatted(major, minor, patch));
    }
  }

  /**
   * The client's rule, applied by the client with this version to the server's: same major, and the
   * server's minor is not newer. The patch is ignored.
   */
  public boolean accepts(ProtocolVersion server) {
    return server.major == major && server.minor <= minor;
  }

  @Override
  public int compareTo(ProtocolVersion other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return major + "." + minor + "." + patch;
  }
}
