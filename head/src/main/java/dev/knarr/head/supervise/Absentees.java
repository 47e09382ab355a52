// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.rpc.RpcProtocolException;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The workers that a plan does without, looked for while it is in force. Each has a virtual thread;
 * any thread may ask how it stands.
 */
final class Absentees implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Absentees.class);
  private static final Duration INTERVAL = Duration.ofSeconds(2);
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private final List<HeadConfig.Worker> workers;
  private final Duration stay;
  private final StatusBoard board;
  private final Clock clock;
  private final Function<HeadConfig.Worker, FastestAddress> addresses;
  private final Function<HeadConfig.Worker, WorkerConnector> connectors;
  private final Set<String> proven = new ConcurrentSkipListSet<>();
  private final Set<String> back = new ConcurrentSkipListSet<>();
  private final List<Thread> threads;

  /**
   * Begins to look for them.
   *
   * @param workers may be none
   * @param stay how long one has to be there before it is taken for back
   */
  Absentees(
      List<HeadConfig.Worker> workers,
      Duration stay,
      StatusBoard board,
      Clock clock,
      Function<HeadConfig.Worker, FastestAddress> addresses,
      Function<HeadConfig.Worker, WorkerConnector> connectors) {
    this.workers = List.copyOf(workers);
    this.stay = stay;
    this.board = board;
    this.clock = clock;
    this.addresses = addresses;
    this.connectors = connectors;
    this.threads =
        this.workers.stream()
            .map(w -> Thread.ofVirtual().name("absent-" + w.name()).start(() -> lookFor(w)))
            .toList();
  }

  /** Whether there is nobody to look for. */
  boolean isNobody() {
    return workers.isEmpty();
  }

  /** Says who can be taken in again; empty while nobody can. */
  Optional<String> welcome() {
    return names(back)
        .map(who -> who + " back: llama-server starts again with all that are there.");
  }

  /** Says how it stands, as the rest of a sentence about who serves, with a full stop. */
  String sentence() {
    String all =
        workers.stream()
            .map(worker -> worker.name() + " (" + worker.address() + ")")
            .collect(Collectors.joining(", "));
    return "without "
        + all
        + names(back)
            .map(who -> ". " + who + " back, and taken in again as soon as no request is running.")
            .or(() -> names(proven).map(this::staying))
            .orElse(
                ", missing for too long: the plan is over the other workers. Start what is missing, and it is taken in again; or take it out of spec.workers.");
  }

  private String staying(String who) {
    return ". %s there again, and taken in when that has lasted for %d s."
        .formatted(who, stay.toSeconds());
  }

  /** The names with their verb, of one moment: they come and go. */
  private static Optional<String> names(Set<String> workers) {
    List<String> now = List.copyOf(workers);
    return now.isEmpty()
        ? Optional.empty()
        : Optional.of(String.join(", ", now) + (now.size() == 1 ? " is" : " are"));
  }

  private void lookFor(HeadConfig.Worker worker) {
    try {
      while (true) {
        meet(worker);
        Thread.sleep(INTERVAL);
      }
    } catch (InterruptedException _) {
      // Closed.
    } catch (RuntimeException e) {
      LOG.error("Looking for worker {} failed; it is taken in at the next start", worker.name(), e);
    }
  }

  /** Returns when it does not answer. */
  private void meet(HeadConfig.Worker worker) throws InterruptedException {
    try {
      WorkerProof proof = addresses.apply(worker).prove(LIMIT, why -> board.missed(worker, why));
      board.proven(proof);
      proven.add(worker.name());
      long begin = System.nanoTime();
      while (true) {
        if (System.nanoTime() - begin >= stay.toNanos()) {
          back.add(worker.name());
        }
        Thread.sleep(INTERVAL);
        connectors.apply(proof.at()).greet(LIMIT, _ -> {}).close();
      }
    } catch (IOException | RpcProtocolException | HeadException e) {
      if (Thread.currentThread().isInterrupted()) {
        throw new InterruptedException();
      }
      String why = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
      if (proven.remove(worker.name())) {
        back.remove(worker.name());
        board.lost(
            worker.name(),
            "Worker %s (%s) was back and is gone again.".formatted(worker.name(), worker.address()),
            clock.instant());
      }
      board.missed(worker, why);
    }
  }

  @Override
  public void close() {
    threads.forEach(Thread::interrupt);
    try {
      for (Thread thread : threads) {
        thread.join();
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
