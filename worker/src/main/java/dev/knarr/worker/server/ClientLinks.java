// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import java.net.InetAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** The links of one client, which end with its connection. Any thread. */
final class ClientLinks {
  private final Communicators communicators;
  private final InetAddress client;
  private final List<CommunicatorSlot> slots = new CopyOnWriteArrayList<>();

  ClientLinks(Communicators communicators, InetAddress client) {
    this.communicators = communicators;
    this.client = client;
  }

  /** Room for the link of one device. */
  CommunicatorSlot slot() {
    var slot = new CommunicatorSlot(communicators, client);
    slots.add(slot);
    return slot;
  }

  /** Ends what the connection's thread may be waiting for; no link is made any more. */
  void abort() {
    slots.forEach(CommunicatorSlot::abort);
  }
}
