// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.HeadMetrics;
import dev.knarr.head.WorkerTransport;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.gateway.Gateway;
import dev.knarr.head.supervise.Planner.Planned;
import dev.knarr.head.supervise.WorkerProof.DeviceProof;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.vertx.core.Vertx;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The head without its management port: proves workers and llama-server, plans, runs llama-server
 * and starts it again, until it is closed. What made it give up and may pass is tried again, too.
 * One thread of its own does all this; {@link #status}, {@link #start} and {@link #close} may be
 * called by any.
 */
public final class Supervisor implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Supervisor.class);

  /** What is added to the limit of llama-server's own end for everything else. */
  private static final int CLOSE_MARGIN_SECONDS = 20;

  private final HeadConfig config;
  private final MeterRegistry registry;
  private final Clock clock;
  private final WeightLedger ledger = new WeightLedger();
  private final StatusBoard board;
  private final Workers workers;
  private final LlamaServerMetrics serverMetrics;
  private final PlanMeters planMeters;
  private final RestartBudget budget;
  private final RetryPause comings;
  private final Gateway gateway;
  private final ServerRun server;
  private final HeadCpu headCpu;
  private final Thread thread;

  /** What to show while proving workers. */
  private HeadPhase provingPhase = HeadPhase.PROVING_WORKERS;

  /** A loss that no missing worker has explained yet. */
  private Signal.@Nullable WorkerLost unexplainedLoss;

  /**
   * How long workers that are back have to stay before they are used; longer for those that flap.
   */
  private Duration stay = Duration.ZERO;

  /** The plan over all workers, which find their layers where they were. */
  private @Nullable Planned whole;

  /** Whether it has been said how the workers are spoken to: files of TLS are watched from then. */
  private boolean spoken;

  /** One proof of the program is enough for the life of this process. */
  private boolean serverProven;

  /** Devices that llama-server has of its own. */
  private List<HeadDevice> headDevices = List.of();

  /**
   * A supervisor that is not started yet.
   *
   * @param vertx what the endpoint runs on; it must live longer than this
   */
  public Supervisor(HeadConfig config, MeterRegistry registry, Clock clock, Vertx vertx) {
    this(config, registry, clock, vertx, HeadCpu.launcher(System.getenv()));
  }

  /**
   * The same with another program.
   *
   * @param launcher the program of which {@code worker} is a command
   */
  Supervisor(
      HeadConfig config,
      MeterRegistry registry,
      Clock clock,
      Vertx vertx,
      Optional<Path> launcher) {
    this.config = config;
    this.registry = registry;
    this.clock = clock;
    this.board = new StatusBoard(config, clock, ledger);
    this.workers = new Workers(config, registry, board, ledger, clock);
    this.serverMetrics = new LlamaServerMetrics(registry);
    this.planMeters = new PlanMeters(registry);
    this.budget = new RestartBudget(clock);
    this.comings = RetryPause.ofWorkers(clock);
    this.gateway = new Gateway(config, registry, vertx, board::snapshot);
    this.server = new ServerRun(config, board, workers, ledger, serverMetrics, gateway);
    this.headCpu = new HeadCpu(config, launcher);
    this.thread = Thread.ofPlatform().name("supervisor").unstarted(this::run);
    Gauge.builder(HeadMetrics.LOAD_RATIO, this, s -> s.isReady() ? 1 : s.ledger.ratio())
        .description("How much of the weights the workers have")
        .register(registry);
    Gauge.builder(HeadMetrics.READY, this, s -> s.isReady() ? 1 : 0)
        .description("1 while requests are served")
        .register(registry);
  }

  /** Begins; returns at once. */
  public void start() {
    thread.start();
  }

  /** Returns what is known at this moment. */
  public HeadStatus status() {
    return board.snapshot();
  }

  /** Whether requests are served. */
  public boolean isReady() {
    return board.phase() == HeadPhase.READY;
  }

  private void run() {
    RetryPause pause = new RetryPause(clock);
    try {
      // Given up means that somebody has to act, and not that the head has to be started anew.
      while (attempt().mayPass()) {
        Thread.sleep(pause.failed());
      }
    } catch (InterruptedException _) {
      LOG.debug("The supervisor was asked to stop");
    } finally {
      workers.close();
    }
  }

  /** Serves until it is drained or has to give up; returns why it ended. */
  private HeadReason attempt() throws InterruptedException {
    // A loss of an attempt before is explained by how that ended.
    unexplainedLoss = null;
    whole = null;
    provingPhase = HeadPhase.PROVING_WORKERS;
    try {
      serve();
      return HeadReason.DRAINING;
    } catch (HeadException e) {
      return fail(e.reason(), e.sentence());
    } catch (RuntimeException e) {
      LOG.error("The supervisor failed", e);
      return fail(
          HeadReason.INTERNAL_ERROR,
          "The head failed: %s. This is a fault of Knarr: report it with the head's log."
              .formatted(e));
    } finally {
      headCpu.close();
    }
  }

  private HeadReason fail(HeadReason reason, String sentence) {
    board.enter(HeadPhase.FAILED, reason, sentence);
    gateway.giveUp(sentence);
    return reason;
  }

  private void serve() throws InterruptedException {
    gateway.open();
    LlamaServerArguments.refuseContradictions(config.llamaServer().arguments());
    if (!spoken) {
      workers.speakBy(WorkerTransport.of(config));
      spoken = true;
    }
    Planner planner = Planner.open(config);
    workers.willLoad(planner.models());
    Path program = new ProgramSearch(System.getenv("PATH")).find(config.llamaServer().program());
    while (true) {
      try {
        Muster.Present present = proveWorkers(program, planner);
        proveServer(program, present.proofs());
        Planned plan = plan(planner, present);
        try (Absentees absentees = workers.lookFor(present.missing(), stay)) {
          server.run(plan, program, absentees);
        }
        return; // Drained.
      } catch (Signal signal) {
        headCpu.close();
        if (server.isDraining()) {
          LOG.warn("While running answers were finished: {}", signal.sentence());
          return;
        }
        switch (signal) {
          case Signal.WorkerLost lost -> afterLoss(lost);
          case Signal.WorkerBack back -> afterReturn(back);
          case Signal.ServerEnded ended -> afterEnd(ended.reason(), ended);
          case Signal.ServerStalled stalled -> afterEnd(stalled.reason(), stalled);
        }
      }
    }
  }

  private Muster.Present proveWorkers(Path program, Planner planner)
      throws Signal, InterruptedException {
    if (!recovering()) {
      board.enter(
          HeadPhase.PROVING_WORKERS,
          HeadReason.AS_PLANNED,
          "Proving %d workers.".formatted(config.workers().size()));
    }
    Muster.Present present =
        workers.prove(proofLimit(), provingPhase, some -> objection(program, planner, some));
    Signal.@Nullable WorkerLost loss = unexplainedLoss;
    unexplainedLoss = null;
    provingPhase = HeadPhase.PROVING_WORKERS;
    if (!present.missing().isEmpty()) {
      stay = comings.failed();
    } else if (loss != null && !present.waited()) {
      // All workers are fine, so the loss was llama-server's doing: it counts as its failure.
      afterEnd(HeadReason.WORKER_LOST, loss);
    } else {
      awaitStay();
    }
    return present;
  }

  /** Why there is no plan for some workers alone; empty where there is one. */
  private Optional<String> objection(Path program, Planner planner, List<WorkerProof> some)
      throws Signal, InterruptedException {
    if (config.split().mode() == HeadConfig.SplitMode.TENSOR) {
      return Optional.of("split.mode Tensor takes both workers.");
    }
    proveServer(program, some);
    try {
      planner.plan(some, headDevices, headCpu.processor(), null);
      return Optional.empty();
    } catch (HeadException e) {
      return Optional.of(e.sentence());
    }
  }

  /** A worker that is lost again and again must not restart llama-server as often. */
  private void awaitStay() throws InterruptedException {
    if (stay.isPositive()) {
      board.enter(
          HeadPhase.WAITING_FOR_WORKERS,
          HeadReason.WORKER_LOST,
          "All workers are proven. Since some were lost again and again, llama-server starts in %d s."
              .formatted(stay.toSeconds()));
      Thread.sleep(stay);
    }
  }

  private boolean recovering() {
    return provingPhase == HeadPhase.WAITING_FOR_WORKERS;
  }

  private Optional<Duration> proofLimit() {
    return recovering() ? config.limits().recovery() : config.limits().workers();
  }

  private void proveServer(Path program, List<WorkerProof> proofs)
      throws Signal, InterruptedException {
    workers.openWay(proofs);
    if (serverProven) {
      return;
    }
    List<String> devices =
        proofs.stream().flatMap(w -> w.devices().stream()).map(DeviceProof::name).toList();
    if (config.split().devices().isEmpty()) {
      LlamaServerArguments.refuseTooMany(devices);
    }
    board.enter(
        HeadPhase.PROVING_SERVER,
        HeadReason.AS_PLANNED,
        "Finding out whether %s can use the workers.".formatted(program));
    workers.forgetLosses();
    // A worker that hangs now would otherwise be noticed when the program's time is over.
    workers.startHeartbeats();
    try {
      headDevices =
          LlamaServerProof.prove(program, workers.addresses(), devices.size(), workers::hasLoss);
      serverProven = true;
    } catch (HeadException e) {
      // A worker that went away meanwhile is no fault of the program.
      Workers.Loss loss = workers.awaitLoss(Duration.ZERO);
      if (loss != null) {
        throw new Signal.WorkerLost(loss);
      }
      throw e;
    } finally {
      workers.stopHeartbeats();
    }
  }

  private Planned plan(Planner planner, Muster.Present present) throws InterruptedException {
    board.enter(HeadPhase.PLANNING, HeadReason.AS_PLANNED, "Deciding which device holds what.");
    boolean all = present.missing().isEmpty();
    List<WorkerProof> proofs = present.proofs();
    @Nullable Planned last = all ? whole : null;
    Planned plan = planner.plan(proofs, headDevices, headCpu.processor(), last);
    if (!headCpu.provide(plan, workers)) {
      plan = planner.plan(proofs, headDevices, headCpu.processor(), last);
    }
    if (all) {
      whole = plan;
    }
    board.plan(plan.status());
    if (plan.wire() != null) {
      planMeters.accept(plan.wire().estimate());
    }
    return plan;
  }

  private void afterLoss(Signal.WorkerLost lost) {
    provingPhase = HeadPhase.WAITING_FOR_WORKERS;
    // A worker that was silent for a while is no fault of llama-server, however soon it is back.
    unexplainedLoss = lost.isSilent() ? null : lost;
    stay = comings.failed();
    countRestart(HeadReason.WORKER_LOST);
    board.enter(
        HeadPhase.WAITING_FOR_WORKERS,
        HeadReason.WORKER_LOST,
        lost.sentence() + " llama-server was ended and starts again when the workers are proven.");
  }

  private void afterReturn(Signal.WorkerBack back) {
    stay = Duration.ZERO; // It has stayed already.
    countRestart(back.reason());
    board.enter(HeadPhase.RESTARTING, back.reason(), back.sentence());
  }

  private void afterEnd(HeadReason reason, Signal signal) throws InterruptedException {
    Duration pause =
        budget
            .failed()
            .orElseThrow(
                () ->
                    new HeadException(
                        reason,
                        "Given up after %d failures within %d minutes. The last one: %s"
                            .formatted(
                                RestartBudget.FAILURES,
                                RestartBudget.WINDOW.toMinutes(),
                                signal.sentence()),
                        signal));
    if (reason != HeadReason.WORKER_LOST) {
      countRestart(reason);
    }
    board.enter(
        HeadPhase.RESTARTING,
        reason,
        signal.sentence() + " It starts again in " + pause.toSeconds() + " s.");
    Thread.sleep(pause);
  }

  private void countRestart(HeadReason reason) {
    board.restarted();
    Counter.builder(HeadMetrics.RESTARTS)
        .tag("reason", reason.text())
        .description("Restarts of llama-server")
        .register(registry)
        .increment();
  }

  /**
   * Stops llama-server, closes the router and the endpoint and returns when all is gone. Answers
   * that are running are finished first, for as long as the configuration says, while new requests
   * are refused; everything else takes at most the limit of llama-server's own end and {@value
   * #CLOSE_MARGIN_SECONDS} s. A second call waits for the first.
   */
  @Override
  public synchronized void close() {
    Duration end = config.limits().stop().plusSeconds(CLOSE_MARGIN_SECONDS / 2);
    gateway.drain();
    try {
      if (server.drain()) {
        board.enter(
            HeadPhase.STOPPING,
            HeadReason.DRAINING,
            "Asked to stop: running answers have %d s to finish.".formatted(config.drainSeconds()));
        thread.join(config.drain().plus(end));
      }
      board.enter(HeadPhase.STOPPING, HeadReason.STOP_REQUESTED, "The head stops.");
      thread.interrupt();
      if (thread.isAlive() && !thread.join(end)) {
        LOG.error("The supervisor did not stop in time; llama-server dies with this process");
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } finally {
      gateway.close();
    }
  }
}
