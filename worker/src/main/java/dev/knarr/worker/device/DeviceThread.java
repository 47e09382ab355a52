// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import java.time.Duration;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Lets one thread at a time call into a device's backend, in the order of {@link #submit}. That is
 * the device's own thread, except for {@link #tryRun}: handing a graph of half a millisecond to
 * another thread and its result back costs more than a tenth of it. Any thread may call.
 *
 * <p>The queue has no bound of its own: each connection limits how many of its tasks may be
 * outstanding, so that a busy client cannot crowd out the others.
 */
final class DeviceThread {
  private final LinkedBlockingQueue<DeviceTask> queue = new LinkedBlockingQueue<>();

  /** Tasks submitted and not yet ended. */
  private final AtomicInteger waiting = new AtomicInteger();

  private final ReentrantLock turn = new ReentrantLock();
  private final Thread thread;
  private boolean stopped; // the thread's own

  DeviceThread(String name) {
    thread = Thread.ofPlatform().name("device-" + name).daemon(true).start(this::work);
  }

  DeviceTask submit(Runnable body) {
    var task = new DeviceTask(body);
    waiting.incrementAndGet();
    queue.add(task);
    return task;
  }

  /** Runs {@code body} on the calling thread if the device is idle; false, and not run, if not. */
  boolean tryRun(Runnable body) {
    if (waiting.get() > 0 || !turn.tryLock()) {
      return false;
    }
    try {
      if (waiting.get() > 0) {
        return false;
      }
      body.run();
      return true;
    } finally {
      turn.unlock();
    }
  }

  /** Whether the calling thread may call into the backend. */
  boolean isCurrent() {
    return turn.isHeldByCurrentThread();
  }

  private void work() {
    while (!stopped) {
      DeviceTask task;
      try {
        task = queue.take();
      } catch (InterruptedException e) {
        continue; // nobody interrupts this thread on purpose: it ends by its last task
      }
      turn.lock();
      try {
        task.run();
      } finally {
        waiting.decrementAndGet();
        turn.unlock();
      }
      task.ended();
    }
  }

  /** Finishes what was submitted, then ends the thread; false if the limit came first. */
  boolean close(Duration limit) {
    var _ = submit(() -> stopped = true);
    try {
      return thread.join(limit);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
