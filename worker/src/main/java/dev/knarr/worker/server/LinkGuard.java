// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Ends the blocking calls of one link from outside, by closing what they wait for: when they take
 * too long, or when the client's connection ends. Any thread.
 */
final class LinkGuard implements AutoCloseable {
  private static final long NEVER = Long.MAX_VALUE;

  private final Deque<Closeable> open = new ArrayDeque<>();
  private boolean ended;
  private volatile long deadlineNanos = NEVER;

  /** Takes charge of what a call is about to wait for. */
  synchronized <C extends Closeable> C watch(C waitedFor) throws IOException {
    if (ended) {
      waitedFor.close();
      throw new ClosedChannelException();
    }
    open.push(waitedFor);
    return waitedFor;
  }

  /** What follows may take so long. */
  void allow(Duration limit) {
    // Never is as far away as nanoTime can say.
    deadlineNanos = System.nanoTime() + limit.toNanos();
  }

  /** Nothing is waited for now. */
  void rest() {
    deadlineNanos = NEVER;
  }

  /** Whether the time that was allowed is over, or the link was ended. */
  boolean isOver() {
    long deadline = deadlineNanos;
    return isEnded() || (deadline != NEVER && System.nanoTime() - deadline >= 0);
  }

  private synchronized boolean isEnded() {
    return ended;
  }

  /** Ends what takes too long. */
  void endLate() {
    if (isOver()) {
      close();
    }
  }

  @Override
  public synchronized void close() {
    ended = true;
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (IOException _) {
        // Nothing is left to be done with it.
      }
    }
  }
}
