// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import java.net.InetAddress;
import java.time.Duration;

/**
 * Makes the links that tensor-split clients ask for between two workers (section 14 of the
 * protocol). Immutable; any thread.
 *
 * @param listenAddress the interface on which rank 0 waits for rank 1: the worker's own, so that a
 *     worker on loopback never opens a port to others
 * @param joinTimeout how long either rank waits for the other
 */
public record Communicators(InetAddress listenAddress, Duration joinTimeout) {
  CommunicatorSlot slot() {
    return new CommunicatorSlot(this);
  }
}
