// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.HeadMetrics;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus.DeviceStatus;
import dev.knarr.head.api.HeadStatus.WorkerState;
import dev.knarr.head.api.HeadStatus.WorkerStatus;
import dev.knarr.head.relay.Relay;
import dev.knarr.head.relay.RelayListener;
import dev.knarr.head.relay.RelayMeters;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.WireLimits;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * All workers of the head: proves them side by side, keeps a relay for each, and hears of losses.
 * Used by the supervisor's thread; the relays call in from theirs.
 */
final class Workers implements RelayListener, AutoCloseable {

  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);

  /** Longer than any machine runs, and still countable in nanoseconds. */
  private static final Duration WITHOUT_END = Duration.ofDays(36_500);

  /** More losses than this at a time say nothing new. */
  private static final int KEPT_LOSSES = 64;

  private final List<HeadConfig.Worker> configured;
  private final boolean tensorSplit;
  private final StatusBoard board;
  private final WeightLedger ledger;
  private final Map<String, RelayMeters> meters = new LinkedHashMap<>();
  private final List<Relay> relays = new ArrayList<>();
  private final BlockingQueue<String> losses = new ArrayBlockingQueue<>(KEPT_LOSSES);
  private Transport transport = Transport.PLAIN;

  Workers(HeadConfig config, MeterRegistry registry, StatusBoard board, WeightLedger ledger) {
    this.configured = config.workers();
    this.tensorSplit = config.split().mode() == HeadConfig.SplitMode.TENSOR;
    this.board = board;
    this.ledger = ledger;
    for (HeadConfig.Worker worker : configured) {
      meters.put(worker.name(), new RelayMeters(registry, worker.name()));
      Gauge.builder(HeadMetrics.WORKER_UP, board, b -> b.isUp(worker.name()) ? 1 : 0)
          .tag("worker", worker.name())
          .description("1 while a worker is proven and not lost")
          .register(registry);
    }
  }

  /** Says how the workers are spoken to; before anything else. */
  void speakBy(Transport chosen) {
    transport = chosen;
  }

  /** Opens the relays; does nothing when they are open. */
  void openRelays() {
    if (!relays.isEmpty()) {
      return;
    }
    for (HeadConfig.Worker worker : configured) {
      try {
        relays.add(
            Relay.open(
                new Relay.RelayTarget(
                    worker.name(),
                    worker.host(),
                    worker.port(),
                    transport,
                    metersOf(worker),
                    WireLimits.defaults(),
                    this)));
      } catch (IOException e) {
        throw new HeadException(
            HeadReason.INTERNAL_ERROR,
            "No loopback port for the relay of worker " + worker.name() + ": " + e.getMessage(),
            e);
      }
    }
    if (tensorSplit) {
      TensorSplit.introduce(configured, relays);
    }
  }

  private RelayMeters metersOf(HeadConfig.Worker worker) {
    RelayMeters known = meters.get(worker.name());
    if (known == null) {
      throw new IllegalStateException("No meters for worker " + worker.name());
    }
    return known;
  }

  /** Returns the addresses for llama-server, in the order of the workers. */
  List<String> relayAddresses() {
    return relays.stream().map(Relay::address).toList();
  }

  /** Forgets losses of the past; only what comes after is news. */
  void forgetLosses() {
    relays.forEach(Relay::closeConnections);
    losses.clear();
  }

  /** Returns the first loss since {@link #forgetLosses}, waiting for one until the limit. */
  @Nullable String awaitLoss(Duration limit) throws InterruptedException {
    return losses.poll(limit.toMillis(), TimeUnit.MILLISECONDS);
  }

  @Override
  public void workerFailed(String worker, String how) {
    String sentence = "Worker " + worker + " (" + addressOf(worker) + ") " + how + ".";
    board.worker(
        worker,
        status ->
            new WorkerStatus(
                status.name(),
                status.address(),
                WorkerState.LOST,
                status.protocol(),
                status.roundTripMicros(),
                null,
                null,
                null,
                sentence,
                status.devices()));
    losses.offer(sentence);
  }

  @Override
  public void tensorSet(String worker, int device, String tensor, long bytes) {
    ledger.add(worker + "/" + device, tensor, bytes);
  }

  @Override
  public void linkFailed(String worker) {
    board.warn(
        "Worker "
            + worker
            + " ("
            + addressOf(worker)
            + ") has no direct link to the other one, so each sum goes over the head, which is slower. Its log says why.");
  }

  private String addressOf(String name) {
    return configured.stream()
        .filter(worker -> worker.name().equals(name))
        .map(HeadConfig.Worker::address)
        .findFirst()
        .orElse("?");
  }

  /**
   * The workers, proven.
   *
   * @param proofs in the order of the workers
   * @param waited whether any of them had to be waited for
   */
  record AllProven(List<WorkerProof> proofs, boolean waited) {}

  /**
   * Proves all workers, waiting for those that do not answer yet.
   *
   * @param mostWait how long to wait in all; empty for as long as it takes
   * @param phase the phase to show while waiting
   * @throws HeadException when one cannot be used, or does not answer in time
   */
  AllProven prove(Optional<Duration> mostWait, HeadPhase phase) throws InterruptedException {
    Duration limit = mostWait.orElse(WITHOUT_END);
    long deadline = System.nanoTime() + limit.toNanos();
    Missing missing = new Missing(board, phase, configured.size());
    try (ExecutorService threads =
        Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("prove-", 0).factory())) {
      CompletionService<WorkerProof> attempts = new ExecutorCompletionService<>(threads);
      for (HeadConfig.Worker worker : configured) {
        attempts.submit(() -> proveOne(worker, limit, deadline, missing));
      }
      try {
        Map<String, WorkerProof> proofs = new HashMap<>();
        for (int i = 0; i < configured.size(); i++) {
          WorkerProof proof = attempts.take().get();
          proofs.put(proof.worker(), proof);
        }
        return new AllProven(
            configured.stream().map(worker -> proofOf(worker, proofs)).toList(),
            missing.everMissed());
      } catch (ExecutionException e) {
        throw e.getCause() instanceof HeadException head
            ? head
            : new IllegalStateException("Proving a worker failed", e.getCause());
      } finally {
        threads.shutdownNow();
      }
    }
  }

  private static WorkerProof proofOf(HeadConfig.Worker worker, Map<String, WorkerProof> proofs) {
    WorkerProof proof = proofs.get(worker.name());
    if (proof == null) {
      throw new IllegalStateException("No proof of worker " + worker.name());
    }
    return proof;
  }

  private WorkerProof proveOne(
      HeadConfig.Worker worker, Duration limit, long deadline, Missing missing)
      throws InterruptedException {
    WorkerProver prover = new WorkerProver(worker, transport, metersOf(worker));
    Duration pause = FIRST_PAUSE;
    board.worker(worker.name(), _ -> StatusBoard.waiting(worker));
    while (true) {
      long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
      try {
        WorkerProof proof = prover.prove(Duration.ofMillis(Math.max(1, left)));
        missing.found(worker);
        board.worker(worker.name(), _ -> proven(worker, proof));
        return proof;
      } catch (IOException e) {
        String why = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        if (System.nanoTime() + pause.toNanos() > deadline) {
          throw new HeadException(
              HeadReason.WORKER_UNREACHABLE,
              "Worker %s (%s) did not answer within %d s: %s. Start it, or correct its address."
                  .formatted(worker.name(), worker.address(), limit.toSeconds(), why),
              e);
        }
        missing.missed(worker, why);
        Thread.sleep(pause);
        pause =
            pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0
                ? pause.multipliedBy(2)
                : LONGEST_PAUSE;
      }
    }
  }

  private static WorkerStatus proven(HeadConfig.Worker worker, WorkerProof proof) {
    return new WorkerStatus(
        worker.name(),
        worker.address(),
        WorkerState.PROVEN,
        proof.version().toString(),
        proof.roundTripMicros(),
        null,
        null,
        null,
        null,
        proof.devices().stream()
            .map(
                device ->
                    new DeviceStatus(
                        device.name(),
                        device.freeBytes(),
                        device.totalBytes(),
                        device.alignmentBytes(),
                        device.probeMicros()))
            .toList());
  }

  @Override
  public void close() {
    relays.forEach(Relay::close);
    relays.clear();
  }

  /** Who is missing at this moment, kept on the status board. Any thread. */
  private static final class Missing {
    private final StatusBoard board;
    private final HeadPhase phase;
    private final int all;
    private final Map<String, String> reasons = new LinkedHashMap<>();
    private boolean ever;

    Missing(StatusBoard board, HeadPhase phase, int all) {
      this.board = board;
      this.phase = phase;
      this.all = all;
    }

    synchronized void missed(HeadConfig.Worker worker, String why) {
      ever = true;
      reasons.put(worker.name() + " (" + worker.address() + ")", why);
      show();
    }

    synchronized void found(HeadConfig.Worker worker) {
      if (reasons.remove(worker.name() + " (" + worker.address() + ")") != null) {
        show();
      }
    }

    synchronized boolean everMissed() {
      return ever;
    }

    private void show() {
      if (reasons.isEmpty()) {
        return;
      }
      StringBuilder text = new StringBuilder("Waiting for ");
      text.append(reasons.size()).append(" of ").append(all).append(" workers: ");
      reasons.forEach((name, why) -> text.append(name).append(": ").append(why).append("; "));
      text.setLength(text.length() - 2);
      board.enter(phase, HeadReason.WORKER_UNREACHABLE, text.append('.').toString());
    }
  }
}
