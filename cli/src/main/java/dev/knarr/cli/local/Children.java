// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.cli.terminal.ProgressLine;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/**
 * All processes that a cluster has started, and how they end. May be called by any thread: the main
 * thread adds, a signal's thread stops.
 */
final class Children {
  /** One deadline for all: the head lets llama-server go first, then the workers go. */
  static final Duration STOP_LIMIT = Duration.ofSeconds(20);

  /** What is left to the workers when the head takes its time. */
  private static final Duration WORKERS_LIMIT = Duration.ofSeconds(6);

  private final List<ChildProcess> workers = new ArrayList<>();
  private final List<ChildProcess> heads = new ArrayList<>();
  private final CountDownLatch stopped = new CountDownLatch(1);
  private boolean stopping;

  synchronized void addWorker(ChildProcess child) {
    add(workers, child);
  }

  synchronized void addHead(ChildProcess child) {
    add(heads, child);
  }

  private void add(List<ChildProcess> list, ChildProcess child) {
    list.add(child);
    if (stopping) {
      child.kill(); // Came to life while everything else was being stopped.
    }
  }

  synchronized boolean isStopping() {
    return stopping;
  }

  /** Workers that have ended although nobody asked them to. */
  synchronized List<ChildProcess> deadWorkers() {
    return stopping ? List.of() : workers.stream().filter(child -> !child.isAlive()).toList();
  }

  void awaitStopped() throws InterruptedException {
    stopped.await();
  }

  /** Stops one head, and the llama-server it has. */
  void stopHead(ChildProcess head) throws InterruptedException {
    head.requestStop();
    if (!head.awaitEnd(STOP_LIMIT.minus(WORKERS_LIMIT))) {
      head.kill();
    }
  }

  void stop(ProgressLine progress) {
    synchronized (this) {
      if (stopping) {
        return;
      }
      stopping = true;
      // From here on the lists do not grow, but for children that are killed at once.
    }
    long deadline = System.nanoTime() + STOP_LIMIT.toNanos();
    try {
      var alive = concat().stream().filter(ChildProcess::isAlive).toList();
      if (!alive.isEmpty()) {
        progress.update("stop", "Stopping …");
      }
      heads.forEach(ChildProcess::requestStop);
      awaitAll(heads, deadline - WORKERS_LIMIT.toNanos());
      workers.forEach(ChildProcess::requestStop);
      awaitAll(workers, deadline);
      var forced = concat().stream().filter(ChildProcess::isAlive).toList();
      forced.forEach(ChildProcess::kill);
      progress.clear();
      if (!forced.isEmpty()) {
        progress.line(
            "Ended by force, because they did not stop within %d s: %s."
                .formatted(
                    STOP_LIMIT.toSeconds(),
                    String.join(", ", forced.stream().map(ChildProcess::part).toList())));
      } else if (!alive.isEmpty()) {
        progress.line("Stopped.");
      }
    } catch (InterruptedException e) {
      concat().forEach(ChildProcess::kill);
      Thread.currentThread().interrupt();
    } finally {
      stopped.countDown();
    }
  }

  private static void awaitAll(List<ChildProcess> children, long deadline)
      throws InterruptedException {
    for (var child : children) {
      child.awaitEnd(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
    }
  }

  private List<ChildProcess> concat() {
    var all = new ArrayList<>(heads);
    all.addAll(workers);
    return all;
  }
}
