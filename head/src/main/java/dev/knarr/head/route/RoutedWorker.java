// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.head.relay.RelayMeters;
import dev.knarr.rpc.transport.Transport;

/**
 * A worker behind the router.
 *
 * @param name in the plan
 * @param host where it is, for the head and for other workers
 * @param port its RPC port
 * @param transport how to speak to it
 * @param meters where frames are counted
 * @param beside whether it is on the router's own loopback, where no other worker reaches it
 */
public record RoutedWorker(
    String name, String host, int port, Transport transport, RelayMeters meters, boolean beside) {
  /** A worker that others reach at this address, too. */
  public RoutedWorker(String name, String host, int port, Transport transport, RelayMeters meters) {
    this(name, host, port, transport, meters, false);
  }
}
