// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.api.HeadStatus.DeviceStatus;
import dev.knarr.head.api.HeadStatus.LlamaServerStatus;
import dev.knarr.head.api.HeadStatus.ModelStatus;
import dev.knarr.head.api.HeadStatus.PlanStatus;
import dev.knarr.head.api.HeadStatus.Rates;
import dev.knarr.head.api.HeadStatus.WorkerState;
import dev.knarr.head.api.HeadStatus.WorkerStatus;
import dev.knarr.head.api.Identity;
import dev.knarr.head.api.PodIdentity;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the supervisor writes what it knows, and everybody reads it. Any thread; each call is
 * atomic.
 */
final class StatusBoard {

  private static final Logger LOG = LoggerFactory.getLogger(Supervisor.class);

  private final Clock clock;
  private final ModelStatus model;
  private final WeightLedger ledger;
  private final @Nullable PodIdentity identity;
  private final Map<String, WorkerStatus> workers = new LinkedHashMap<>();
  private final Map<String, Missed> missing = new LinkedHashMap<>();
  private final List<String> warnings = new ArrayList<>();

  private HeadPhase phase = HeadPhase.STARTING;
  private HeadReason reason = HeadReason.AS_PLANNED;
  private String message = "The head is starting.";
  private Instant since;
  private @Nullable String endpoint;
  private @Nullable PlanStatus plan;
  private @Nullable Long pid;
  private int restarts;
  private Rates rates = Rates.NONE;

  /** Why a worker is missing, and since when. */
  private record Missed(String address, String why, Instant since) {}

  StatusBoard(HeadConfig config, Clock clock, WeightLedger ledger) {
    this.clock = clock;
    this.ledger = ledger;
    this.identity =
        config.identity() == null
            ? null
            : config.identity().in(System.getenv(Identity.POD_UID_VARIABLE));
    this.since = clock.instant();
    this.model = new ModelStatus(config.model().name(), config.model().path().toString());
    for (HeadConfig.Worker worker : config.workers()) {
      workers.put(worker.name(), waiting(worker));
    }
  }

  private static WorkerStatus waiting(HeadConfig.Worker worker) {
    return new WorkerStatus(
        worker.name(),
        worker.address(),
        WorkerState.WAITING,
        null,
        null,
        null,
        null,
        null,
        null,
        List.of());
  }

  synchronized void enter(HeadPhase next, HeadReason why, String sentence) {
    // Stopping is the last phase: what fails because of it is no news.
    if (phase == HeadPhase.STOPPING && next != HeadPhase.STOPPING) {
      return;
    }
    if (next != phase || why != reason) {
      since = clock.instant();
    }
    if (next != phase || !sentence.equals(message)) {
      switch (next) {
        case FAILED -> LOG.error("{} ({}): {}", next.text(), why.text(), sentence);
        case WAITING_FOR_WORKERS, RESTARTING ->
            LOG.warn("{} ({}): {}", next.text(), why.text(), sentence);
        case READY -> {
          if (why == HeadReason.AS_PLANNED) {
            LOG.info("{}: {}", next.text(), sentence);
          } else {
            LOG.warn("{} ({}): {}", next.text(), why.text(), sentence);
          }
        }
        case STARTING, PROVING_WORKERS, PROVING_SERVER, PLANNING, LOADING, STOPPING ->
            LOG.info("{}: {}", next.text(), sentence);
      }
    }
    phase = next;
    reason = why;
    message = sentence;
  }

  synchronized void endpoint(@Nullable String url) {
    endpoint = url;
  }

  synchronized void plan(PlanStatus next) {
    plan = next;
  }

  synchronized void child(@Nullable Long nextPid) {
    pid = nextPid;
  }

  synchronized void restarted() {
    restarts++;
  }

  synchronized void rates(Rates next) {
    rates = next;
  }

  /** All workers are to be proven, again or for the first time; a lost one stays lost till then. */
  synchronized void proving(List<HeadConfig.Worker> configured) {
    for (HeadConfig.Worker worker : configured) {
      workers.computeIfPresent(
          worker.name(),
          (_, status) -> status.state() == WorkerState.LOST ? status : waiting(worker));
    }
  }

  /** A worker does not answer (yet). */
  synchronized void missed(HeadConfig.Worker worker, String why) {
    if (isUp(worker.name())) {
      return; // It has answered just as its silence was to be told.
    }
    Missed before = missing.get(worker.name());
    Instant begin = before == null ? clock.instant() : before.since();
    missing.put(worker.name(), new Missed(worker.address(), why, begin));
  }

  /**
   * A worker has been proven.
   *
   * @return whether it had been missed
   */
  synchronized boolean proven(WorkerProof proof) {
    workers.put(
        proof.worker(),
        new WorkerStatus(
            proof.worker(),
            proof.address(),
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
                .toList()));
    return missing.remove(proof.worker()) != null;
  }

  /** A worker that was in use is lost. */
  synchronized void lost(String name, String sentence, Instant lastSeen) {
    workers.computeIfPresent(
        name,
        (_, status) ->
            new WorkerStatus(
                status.name(),
                status.address(),
                WorkerState.LOST,
                status.protocol(),
                status.roundTripMicros(),
                null,
                null,
                lastSeen.toString(),
                sentence,
                status.devices()));
  }

  /**
   * Shows who is missing, if anybody is.
   *
   * @param outlook what becomes of it, as a sentence
   */
  synchronized void showMissing(HeadPhase next, String outlook) {
    if (missing.isEmpty()) {
      return;
    }
    String each =
        missing.entrySet().stream()
            .map(
                worker ->
                    "%s (%s): %s"
                        .formatted(
                            worker.getKey(), worker.getValue().address(), worker.getValue().why()))
            .collect(Collectors.joining("; "));
    enter(
        next,
        HeadReason.WORKER_UNREACHABLE,
        "Waiting for %d of %d workers: %s. %s"
            .formatted(missing.size(), workers.size(), each, outlook));
  }

  synchronized void warn(String sentence) {
    if (!warnings.contains(sentence)) {
      warnings.add(sentence);
      LOG.warn("{}", sentence);
    }
  }

  synchronized void clearWarnings() {
    warnings.clear();
  }

  synchronized boolean isUp(String worker) {
    WorkerStatus status = workers.get(worker);
    return status != null && status.state() == WorkerState.PROVEN;
  }

  synchronized HeadPhase phase() {
    return phase;
  }

  synchronized HeadStatus snapshot() {
    return new HeadStatus(
        identity,
        phase,
        reason,
        message,
        since.toString(),
        model,
        endpoint,
        phase == HeadPhase.READY ? 100 : ledger.percent(),
        workers.values().stream().map(this::current).toList(),
        plan,
        rates,
        new LlamaServerStatus(pid, restarts),
        List.copyOf(warnings));
  }

  /** What changes by itself: how long a worker is missing, and how far its weights are. */
  private WorkerStatus current(WorkerStatus worker) {
    Missed missed = missing.get(worker.name());
    return new WorkerStatus(
        worker.name(),
        worker.address(),
        worker.state(),
        worker.protocol(),
        worker.roundTripMicros(),
        ledger.loadPercent(worker.name()),
        ledger.cachedPercent(worker.name()),
        worker.lastSeen(),
        missed == null
            ? worker.message()
            : "Missing for %d s: %s."
                .formatted(
                    Duration.between(missed.since(), clock.instant()).toSeconds(), missed.why()),
        worker.devices());
  }
}
