// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.worker.device.Device;
import dev.knarr.worker.device.DeviceTask;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * What one connection has asked one device to compute and not yet waited for. Called by the
 * connection's thread only.
 */
final class GraphQueue {
  /** Enough to keep a device busy; few enough that other clients get their turn. */
  private static final int MOST_OUTSTANDING = 8;

  private final Device device;
  private final Queue<DeviceTask> outstanding = new ArrayDeque<>();

  /** Whether what was queued need not be computed any more: by the device's thread too. */
  private volatile boolean abandoned;

  GraphQueue(Device device) {
    this.device = device;
  }

  /**
   * Waits while the connection has too much outstanding. Call it before making what {@link #submit}
   * is to work with: what is made first would be lost by the throw.
   *
   * @throws RuntimeException what earlier work threw
   */
  void makeRoom() {
    while (!outstanding.isEmpty()
        && (outstanding.element().isDone() || outstanding.size() >= MOST_OUTSTANDING)) {
      outstanding.remove().await();
    }
  }

  /**
   * Queues work, for which {@link #makeRoom} has made room. It has to ask {@link #isAbandoned}
   * whether anybody waits for its result.
   *
   * @param brief whether the work is so short that it is better done at once if the device is idle
   */
  void submit(boolean brief, Runnable work) {
    if (!(brief && outstanding.isEmpty() && device.tryRun(work))) {
      outstanding.add(
          device.submitInTurn(
              () -> {
                try {
                  work.run();
                } catch (RuntimeException | Error e) {
                  // Later graphs work on what this one has not made, for a client that is closed.
                  abandoned = true;
                  throw e;
                }
              }));
    }
  }

  /** Whether an earlier graph has failed or the client is gone; on the device's thread too. */
  boolean isAbandoned() {
    return abandoned;
  }

  /**
   * Waits until all is computed, so that memory may be read and written.
   *
   * @throws RuntimeException what that work threw
   */
  void await() {
    while (!outstanding.isEmpty()) {
      outstanding.remove().await();
    }
  }

  /**
   * Waits until all is computed or has failed, for a connection that has ended anyway: its first
   * failure ended it and is its reason, later ones follow from that.
   */
  void drain() {
    abandoned = true;
    while (!outstanding.isEmpty()) {
      outstanding.remove().awaitEnd();
    }
  }
}
