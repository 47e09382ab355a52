// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.transport.Transport;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

/**
 * Makes the links that tensor-split clients ask for between two workers (section 14 of the
 * protocol), and keeps them within limits. Any thread.
 */
final class Communicators {
  /** A join that fails takes its whole time: so many are at most 200 tries a minute. */
  private static final int MOST_JOINING = 16;

  private final Settings settings;
  private final ServerEvents events;
  private final Semaphore joining = new Semaphore(MOST_JOINING);
  private final Set<LinkGuard> guards = ConcurrentHashMap.newKeySet();

  /**
   * What links are made with.
   *
   * @param listenAddress the interface on which rank 0 waits for rank 1: the worker's own, so that
   *     a worker on loopback never opens a port to others
   * @param transport what lies between a link and its socket; empty when this worker cannot trust
   *     another one, and makes no links
   * @param joinLimit how long either rank waits for the other
   * @param reduceLimit how long one exchange may take; the other worker may still compute
   */
  record Settings(
      InetAddress listenAddress,
      Optional<Transport> transport,
      Duration joinLimit,
      Duration reduceLimit) {}

  Communicators(Settings settings, ServerEvents events) {
    this.settings = settings;
    this.events = events;
  }

  /** The links of one client, by the address it comes from. */
  ClientLinks of(InetAddress client) {
    return new ClientLinks(this, client);
  }

  Settings settings() {
    return settings;
  }

  ServerEvents events() {
    return events;
  }

  Semaphore joining() {
    return joining;
  }

  /** A guard that is heard of until it is {@linkplain #dismiss dismissed}. */
  LinkGuard guard() {
    var guard = new LinkGuard();
    guards.add(guard);
    return guard;
  }

  void dismiss(LinkGuard guard) {
    guards.remove(guard);
    guard.close();
  }

  /** Ends what takes too long; to be called every second or so. */
  void endLate() {
    guards.forEach(LinkGuard::endLate);
  }
}
