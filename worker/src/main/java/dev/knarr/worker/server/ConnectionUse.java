// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** What one client has and has had of the worker. Any thread. */
final class ConnectionUse {
  private final AtomicInteger buffers = new AtomicInteger();
  private final AtomicLong bufferBytes = new AtomicLong();
  private final AtomicLong graphs = new AtomicLong();
  private final AtomicLong deviceNanos = new AtomicLong();

  void allocated(long bytes) {
    buffers.incrementAndGet();
    bufferBytes.addAndGet(bytes);
  }

  void freed(long bytes) {
    buffers.decrementAndGet();
    bufferBytes.addAndGet(-bytes);
  }

  void computed(long nanos) {
    graphs.incrementAndGet();
    deviceNanos.addAndGet(nanos);
  }

  int buffers() {
    return buffers.get();
  }

  long bufferBytes() {
    return bufferBytes.get();
  }

  long graphs() {
    return graphs.get();
  }

  long deviceNanos() {
    return deviceNanos.get();
  }
}
