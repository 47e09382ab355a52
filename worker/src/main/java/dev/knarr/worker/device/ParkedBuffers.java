// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;

/**
 * Buffers of weights whose connection has ended, kept for the next of the same owner. They count as
 * free memory: whoever needs room has them dropped, those that came first in front. Any thread.
 */
public final class ParkedBuffers implements AutoCloseable {
  private final Deque<Parked> parked = new ArrayDeque<>(); // guarded by this, the oldest first
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicLong adopted = new AtomicLong();
  private final AtomicLong displaced = new AtomicLong();
  private final AtomicLong expired = new AtomicLong();
  private boolean closed; // guarded by this

  private record Parked(String owner, DeviceBuffer buffer, long sinceNanos) {}

  ParkedBuffers() {}

  /**
   * Takes a buffer over, which nobody else may touch any more.
   *
   * @param owner who may have it back
   */
  public void park(String owner, DeviceBuffer buffer) {
    synchronized (this) {
      if (!closed) {
        parked.addLast(new Parked(owner, buffer, System.nanoTime()));
        bytes.addAndGet(buffer.bytes());
        return;
      }
    }
    buffer.close();
  }

  /** Gives a buffer of a size back to its owner, who sees nothing of it that it cannot name. */
  public Optional<DeviceBuffer> adopt(String owner, long size) {
    var found = take(is -> is.owner.equals(owner) && is.buffer.bytes() == size);
    found.ifPresent(
        buffer -> {
          buffer.adopt();
          adopted.incrementAndGet();
        });
    return found;
  }

  /** Makes room; false when there is nothing left to drop. */
  boolean dropOldest() {
    var oldest = take(_ -> true);
    oldest.ifPresent(
        buffer -> {
          buffer.close();
          displaced.incrementAndGet();
        });
    return oldest.isPresent();
  }

  /** Drops what has been parked for longer than a time. */
  public void expire(Duration limit) {
    long now = System.nanoTime();
    for (var late = take(is -> now - is.sinceNanos > limit.toNanos());
        late.isPresent();
        late = take(is -> now - is.sinceNanos > limit.toNanos())) {
      late.get().close();
      expired.incrementAndGet();
    }
  }

  private synchronized Optional<DeviceBuffer> take(Predicate<Parked> which) {
    var found = parked.stream().filter(which).findFirst();
    found.ifPresent(
        taken -> {
          parked.remove(taken);
          bytes.addAndGet(-taken.buffer.bytes());
        });
    return found.map(Parked::buffer);
  }

  /** Bytes that are parked. */
  public long bytes() {
    return bytes.get();
  }

  /** Buffers that went back to their owners. */
  public long adopted() {
    return adopted.get();
  }

  /** Buffers that were dropped because somebody needed the room. */
  public long displaced() {
    return displaced.get();
  }

  /** Buffers that were dropped because nobody came back in time. */
  public long expired() {
    return expired.get();
  }

  @Override
  public void close() {
    var left = new ArrayList<Parked>();
    synchronized (this) {
      closed = true;
      left.addAll(parked);
      parked.clear();
      bytes.set(0);
    }
    left.forEach(buffer -> buffer.buffer.close());
  }
}
