// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * How many clients are served at once, and how many of them from one address, so that no machine
 * can keep all others out. An address of IPv6 stands for its network of 64 bits, which one machine
 * may have to itself. Any thread.
 */
final class ConnectionLimit {
  private static final int NETWORK_BYTES = 8;

  private final int most;
  private final int mostPerAddress;
  private final Map<InetAddress, Integer> taken = new HashMap<>();
  private int all;

  ConnectionLimit(int most, int mostPerAddress) {
    this.most = most;
    this.mostPerAddress = mostPerAddress;
  }

  /** Takes a place for a client; or says why there is none, and what to do. */
  synchronized Optional<String> take(InetAddress address) {
    var network = network(address);
    int its = taken.getOrDefault(network, 0);
    if (all >= most) {
      return Optional.of(
          "all %d places are taken, most of them (%d) by %s; end clients that are not needed, or raise knarr.worker.max-connections"
              .formatted(most, largest().getValue(), text(largest().getKey())));
    }
    if (its >= mostPerAddress) {
      return Optional.of(
          "%s has %d connections already; end clients that are not needed there, or raise knarr.worker.max-connections-per-address"
              .formatted(text(network), its));
    }
    taken.put(network, its + 1);
    all++;
    return Optional.empty();
  }

  /** Gives a place back. */
  synchronized void give(InetAddress address) {
    taken.computeIfPresent(network(address), (_, its) -> its == 1 ? null : its - 1);
    all--;
  }

  private Map.Entry<InetAddress, Integer> largest() {
    return taken.entrySet().stream()
        .max(Comparator.comparingInt(Map.Entry::getValue))
        .orElseThrow();
  }

  private static InetAddress network(InetAddress address) {
    if (!(address instanceof Inet6Address)) {
      return address;
    }
    byte[] bytes = address.getAddress();
    Arrays.fill(bytes, NETWORK_BYTES, bytes.length, (byte) 0);
    try {
      return InetAddress.getByAddress(bytes);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("16 bytes are no address", e);
    }
  }

  private static String text(InetAddress network) {
    return network.getHostAddress() + (network instanceof Inet6Address ? "/64" : "");
  }
}
