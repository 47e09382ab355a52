// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.plan.LinkSpeed;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Proves the workers side by side and decides which of them a plan takes: all, or, when the others
 * have been missing for too long, those that are there. The supervisor's thread.
 */
final class Muster {

  private static final Duration TICK = Duration.ofMillis(100);
  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);

  /** Then it is asked anew: a connection may have been forgotten on the other side. */
  private static final Duration LONGEST_ATTEMPT = Duration.ofMinutes(5);

  /** Longer than any machine runs, and still countable in nanoseconds. */
  private static final Duration WITHOUT_END = Duration.ofDays(36_500);

  private final StatusBoard board;
  private final Optional<Duration> replan;
  private final Function<HeadConfig.Worker, FastestAddress> addresses;
  private final Function<HeadConfig.Worker, WorkerConnector> connectors;

  /** Since when a worker has not been proven, of {@link System#nanoTime}. */
  private final Map<String, Long> missingSince = new HashMap<>();

  /** Those that did not answer at once this time. Written by the attempts' threads. */
  private final Set<String> missed = ConcurrentHashMap.newKeySet();

  /** What becomes of it while some are missing, for people. Read by the attempts' threads. */
  private volatile String outlook = "";

  /** Whether these workers are enough for a plan; why not, where they are not. */
  @FunctionalInterface
  interface Sufficiency {
    Optional<String> objection(List<WorkerProof> present) throws Signal, InterruptedException;
  }

  /**
   * Who has answered.
   *
   * @param proofs in the order of the workers
   * @param missing those that a plan has to do without
   * @param waited whether any of them had to be waited for
   */
  record Present(List<WorkerProof> proofs, List<HeadConfig.Worker> missing, boolean waited) {}

  /**
   * A muster of workers.
   *
   * @param replan how long one may be missing before the others may do; empty for ever
   */
  Muster(
      StatusBoard board,
      Optional<Duration> replan,
      Function<HeadConfig.Worker, FastestAddress> addresses,
      Function<HeadConfig.Worker, WorkerConnector> connectors) {
    this.board = board;
    this.replan = replan;
    this.addresses = addresses;
    this.connectors = connectors;
  }

  /**
   * Proves all of them, waiting for those that do not answer yet.
   *
   * @param mostWait how long to wait in all; empty for as long as it takes
   * @param phase the phase to show while waiting
   * @param enough asked, each time another one is proven, when those still missing are overdue
   * @throws HeadException when one cannot be used, or does not answer in time
   */
  Present call(
      List<HeadConfig.Worker> workers,
      Optional<Duration> mostWait,
      HeadPhase phase,
      Sufficiency enough)
      throws Signal, InterruptedException {
    Duration limit = mostWait.orElse(WITHOUT_END);
    long begin = System.nanoTime();
    outlook = outlook(mostWait);
    missed.clear();
    board.proving(workers);
    workers.forEach(worker -> missingSince.putIfAbsent(worker.name(), begin));
    try (ExecutorService threads =
        Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("prove-", 0).factory())) {
      CompletionService<WorkerProof> attempts = new ExecutorCompletionService<>(threads);
      for (HeadConfig.Worker worker : workers) {
        Consumer<String> onMiss =
            why -> {
              missed.add(worker.name());
              board.missed(worker, why);
              board.showMissing(phase, outlook);
            };
        attempts.submit(() -> proveOne(worker, limit, begin + limit.toNanos(), phase, onMiss));
      }
      try {
        List<WorkerProof> proofs = gather(workers, attempts, phase, enough);
        return new Present(linked(proofs), missing(workers, proofs), !missed.isEmpty());
      } catch (ExecutionException e) {
        throw e.getCause() instanceof HeadException head
            ? head
            : new IllegalStateException("Proving a worker failed", e.getCause());
      } finally {
        threads.shutdownNow();
      }
    }
  }

  private String outlook(Optional<Duration> mostWait) {
    return replan
        .map(
            patience ->
                "When one has been missing for %d s the model is served without it, if it fits on the others."
                    .formatted(patience.toSeconds()))
        .orElseGet(
            () ->
                mostWait
                    .map(
                        limit ->
                            "The model is served when all are proven, for which they have %d s."
                                .formatted(limit.toSeconds()))
                    .orElse("The model is served when all are proven."));
  }

  private List<WorkerProof> gather(
      List<HeadConfig.Worker> workers,
      CompletionService<WorkerProof> attempts,
      HeadPhase phase,
      Sufficiency enough)
      throws ExecutionException, Signal, InterruptedException {
    Map<String, WorkerProof> proofs = new HashMap<>();
    while (proofs.size() < workers.size()) {
      Optional<Duration> patience = patience(workers, proofs.keySet());
      if (patience.isPresent() && !patience.get().isPositive()) {
        if (!proofs.isEmpty()) {
          Optional<String> objection = enough.objection(inOrder(workers, proofs));
          if (objection.isEmpty()) {
            break;
          }
          outlook = "The others do not suffice: " + objection.get();
          board.showMissing(phase, outlook);
        }
        patience = Optional.empty();
      }
      @Nullable Future<WorkerProof> next =
          patience.isEmpty()
              ? attempts.take()
              : attempts.poll(patience.get().toNanos(), TimeUnit.NANOSECONDS);
      if (next != null) {
        WorkerProof proof = next.get();
        missingSince.remove(proof.worker());
        proofs.put(proof.worker(), proof);
      }
    }
    return inOrder(workers, proofs);
  }

  /**
   * How long those that are not proven are waited for yet; empty for as long as it takes. One that
   * was missing for long may be back: nobody is overdue before it has been asked once more.
   */
  private Optional<Duration> patience(List<HeadConfig.Worker> workers, Set<String> proven) {
    return replan.map(
        limit ->
            workers.stream()
                .map(HeadConfig.Worker::name)
                .filter(name -> !proven.contains(name))
                .map(name -> missed.contains(name) ? limit.minus(missing(name)) : TICK)
                .max(Comparator.naturalOrder())
                .orElse(Duration.ZERO));
  }

  private Duration missing(String worker) {
    long now = System.nanoTime();
    return Duration.ofNanos(now - missingSince.getOrDefault(worker, now));
  }

  private static List<WorkerProof> inOrder(
      List<HeadConfig.Worker> workers, Map<String, WorkerProof> proofs) {
    return workers.stream()
        .flatMap(w -> Optional.ofNullable(proofs.get(w.name())).stream())
        .toList();
  }

  private static List<HeadConfig.Worker> missing(
      List<HeadConfig.Worker> workers, List<WorkerProof> proofs) {
    Set<String> proven = proofs.stream().map(WorkerProof::worker).collect(Collectors.toSet());
    return workers.stream().filter(worker -> !proven.contains(worker.name())).toList();
  }

  private WorkerProof proveOne(
      HeadConfig.Worker worker,
      Duration limit,
      long deadline,
      HeadPhase phase,
      Consumer<String> onMiss)
      throws InterruptedException {
    Duration pause = FIRST_PAUSE;
    while (true) {
      Duration left = Duration.ofNanos(Math.max(1_000_000, deadline - System.nanoTime()));
      String why;
      Exception cause;
      try {
        WorkerProof proof =
            addresses
                .apply(worker)
                .prove(left.compareTo(LONGEST_ATTEMPT) < 0 ? left : LONGEST_ATTEMPT, onMiss);
        if (board.proven(proof)) {
          board.showMissing(phase, outlook);
        }
        return proof;
      } catch (IOException e) {
        why = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        cause = e;
      } catch (HeadException e) {
        if (replan.isEmpty()) {
          throw e;
        }
        // The others may do without one that cannot be used as without one that is not there.
        why = e.sentence();
        cause = e;
      }
      if (Thread.currentThread().isInterrupted()) {
        throw new InterruptedException();
      }
      if (System.nanoTime() + pause.toNanos() > deadline) {
        throw new HeadException(
            HeadReason.WORKER_UNREACHABLE,
            "Worker %s (%s) did not answer within %d s: %s. Start it, or correct its address."
                .formatted(worker.name(), worker.address(), limit.toSeconds(), why),
            cause);
      }
      onMiss.accept(why);
      Thread.sleep(pause);
      pause =
          pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0
              ? pause.multipliedBy(2)
              : LONGEST_PAUSE;
    }
  }

  /**
   * With the links between workers that copy directly. Each to the next is tried and measured,
   * those that follow from no plan but a person's are taken to be like the slower way to the head.
   */
  private List<WorkerProof> linked(List<WorkerProof> proofs) {
    List<WorkerProof> linked = new ArrayList<>();
    for (int i = 0; i < proofs.size(); i++) {
      WorkerProof proof = proofs.get(i);
      Map<String, LinkSpeed> links = new HashMap<>();
      for (int j = 0; j < proofs.size(); j++) {
        WorkerProof other = proofs.get(j);
        if (i != j && proof.copiesDirectly() && other.copiesDirectly()) {
          if (j == i + 1) {
            neighbourProbe(proof, other)
                .measure()
                .ifPresent(link -> links.put(other.worker(), link));
          } else {
            links.put(other.worker(), slower(proof.link(), other.link()));
          }
        }
      }
      linked.add(proof.linkedTo(links));
    }
    return linked;
  }

  private NeighbourProbe neighbourProbe(WorkerProof first, WorkerProof second) {
    return new NeighbourProbe(
        connectors.apply(first.at()),
        connectors.apply(second.at()),
        (first.roundTripMicros() + second.roundTripMicros()) / 2);
  }

  private static LinkSpeed slower(LinkSpeed one, LinkSpeed other) {
    return new LinkSpeed(
        Math.max(one.roundTripMicros(), other.roundTripMicros()),
        Math.min(one.backBytesPerSecond(), other.forthBytesPerSecond()),
        Math.min(one.forthBytesPerSecond(), other.backBytesPerSecond()));
  }
}
