// SPDX-License-Identifier: Apache-2.0
package dev.knarr.certs;

import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * What a certificate is to say. Immutable.
 *
 * @param commonName for people; nothing checks it
 * @param dnsNames hosts it is good for; {@code *.DOMAIN} stands for all hosts one label below
 * @param addresses IP addresses it is good for
 * @param uses which side of a connection may show it
 * @param life how long from now
 */
public record Leaf(
    String commonName,
    List<String> dnsNames,
    List<String> addresses,
    Set<Use> uses,
    Duration life) {

  /** A side of a connection. */
  public enum Use {
    SERVER,
    CLIENT
  }

  /** Copies the collections. */
  public Leaf {
    dnsNames = List.copyOf(dnsNames);
    addresses = List.copyOf(addresses);
    uses = Set.copyOf(uses);
    if (!life.isPositive()) {
      throw new IllegalArgumentException("A certificate lives longer than " + life);
    }
  }

  /** For one that only asks. */
  public static Leaf ofClient(String commonName, Duration life) {
    return new Leaf(commonName, List.of(), List.of(), EnumSet.of(Use.CLIENT), life);
  }

  /** For one that is asked under these names, and asks others of its kind. */
  public static Leaf ofPeer(
      String commonName, List<String> dnsNames, List<String> addresses, Duration life) {
    return new Leaf(commonName, dnsNames, addresses, EnumSet.allOf(Use.class), life);
  }
}
