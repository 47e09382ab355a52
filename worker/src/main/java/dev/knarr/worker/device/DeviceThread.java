// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * Lets one thread at a time call into a device's backend. That is the device's own thread, except
 * for {@link #tryRun}: handing a graph of half a millisecond to another thread and its result back
 * costs more than a tenth of it. Any thread may call.
 *
 * <p>Threads that submit take turns, one task each: a connection has a thread of its own, so a
 * client waits for at most one graph of each other client, however many those have queued. The
 * queue has no bound of its own: each connection limits how many of its tasks are outstanding.
 */
final class DeviceThread {
  private final ReentrantLock queueLock = new ReentrantLock();
  private final Condition queued = queueLock.newCondition();

  /** Tasks by the thread that submitted them; the first thread's turn is next. */
  private final Map<Thread, Queue<Numbered>> turns = new LinkedHashMap<>();

  /** Tasks that come behind all that was submitted before them, by whatever thread. */
  private final Queue<Numbered> last = new ArrayDeque<>();

  private long submitted;

  /** Tasks submitted and not yet ended. */
  private final AtomicInteger waiting = new AtomicInteger();

  private final ReentrantLock turn = new ReentrantLock();
  private final Thread thread;
  private boolean stopped; // the thread's own

  private record Numbered(DeviceTask task, long number) {}

  DeviceThread(String name) {
    thread = Thread.ofPlatform().name("device-" + name).daemon(true).start(this::work);
  }

  /** Queues work behind what the calling thread has submitted before. */
  DeviceTask submit(Runnable body) {
    return queue(
        body, () -> turns.computeIfAbsent(Thread.currentThread(), _ -> new ArrayDeque<>()));
  }

  /** Queues work behind all that any thread has submitted before. */
  DeviceTask submitLast(Runnable body) {
    return queue(body, () -> last);
  }

  private DeviceTask queue(Runnable body, Supplier<Queue<Numbered>> place) {
    var task = new DeviceTask(body);
    waiting.incrementAndGet();
    queueLock.lock();
    try {
      place.get().add(new Numbered(task, submitted++));
      queued.signal();
    } finally {
      queueLock.unlock();
    }
    return task;
  }

  private DeviceTask take() throws InterruptedException {
    queueLock.lock();
    try {
      while (turns.isEmpty() && last.isEmpty()) {
        queued.await();
      }
      return (lastIsDue() ? last.remove() : nextInTurn()).task;
    } finally {
      queueLock.unlock();
    }
  }

  private boolean lastIsDue() {
    return !last.isEmpty()
        && turns.values().stream()
            .noneMatch(tasks -> tasks.element().number < last.element().number);
  }

  private Numbered nextInTurn() {
    var first = turns.entrySet().iterator().next();
    turns.remove(first.getKey());
    var next = first.getValue().remove();
    if (!first.getValue().isEmpty()) {
      turns.put(first.getKey(), first.getValue());
    }
    return next;
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
        task = take();
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
    var _ = submitLast(() -> stopped = true);
    try {
      return thread.join(limit);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
