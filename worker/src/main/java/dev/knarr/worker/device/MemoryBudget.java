// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import java.util.concurrent.atomic.AtomicLong;

/** How many bytes of buffers a device may hand out, and how many it has. Any thread may call. */
final class MemoryBudget {
  private final long limitBytes;
  private final AtomicLong usedBytes = new AtomicLong();

  MemoryBudget(long limitBytes) {
    this.limitBytes = limitBytes;
  }

  /**
   * Takes {@code bytes} (0 or more) from the budget; false, and nothing taken, if it lacks them.
   */
  boolean reserve(long bytes) {
    while (true) {
      long used = usedBytes.get();
      if (bytes > limitBytes - used) {
        return false;
      }
      if (usedBytes.compareAndSet(used, used + bytes)) {
        return true;
      }
    }
  }

  void release(long bytes) {
    usedBytes.addAndGet(-bytes);
  }

  long limitBytes() {
    return limitBytes;
  }

  long usedBytes() {
    return usedBytes.get();
  }
}
