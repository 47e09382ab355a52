// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.api.HeadStatus.LlamaServerStatus;
import dev.knarr.head.api.HeadStatus.ModelStatus;
import dev.knarr.head.api.HeadStatus.PlanStatus;
import dev.knarr.head.api.HeadStatus.Rates;
import dev.knarr.head.api.HeadStatus.WorkerState;
import dev.knarr.head.api.HeadStatus.WorkerStatus;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntSupplier;
import java.util.function.UnaryOperator;
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
  private final IntSupplier loadPercent;
  private final Map<String, WorkerStatus> workers = new LinkedHashMap<>();
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

  StatusBoard(HeadConfig config, Clock clock, IntSupplier loadPercent) {
    this.clock = clock;
    this.loadPercent = loadPercent;
    this.since = clock.instant();
    this.model = new ModelStatus(config.model().name(), config.model().path().toString());
    for (HeadConfig.Worker worker : config.workers()) {
      workers.put(worker.name(), waiting(worker));
    }
  }

  static WorkerStatus waiting(HeadConfig.Worker worker) {
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
    if (phase == HeadPhase.STOPPING) {
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
        case STARTING, PROVING_WORKERS, PROVING_SERVER, PLANNING, LOADING, READY, STOPPING ->
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

  synchronized void worker(String name, UnaryOperator<WorkerStatus> change) {
    workers.computeIfPresent(name, (_, status) -> change.apply(status));
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
        null,
        phase,
        reason,
        message,
        since.toString(),
        model,
        endpoint,
        phase == HeadPhase.READY ? 100 : loadPercent.getAsInt(),
        List.copyOf(workers.values()),
        plan,
        rates,
        new LlamaServerStatus(pid, restarts),
        List.copyOf(warnings));
  }
}
