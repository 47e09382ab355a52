// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.supervise.Planner.Planned;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One life of llama-server, from its start to its end, whichever way it ends. The supervisor's
 * thread.
 */
final class ServerRun {

  private static final Duration TICK = Duration.ofMillis(100);
  private static final Duration SCRAPE_INTERVAL = Duration.ofSeconds(2);
  private static final Duration SLOTS_INTERVAL = Duration.ofMillis(500);

  /** A request may just be on its way from one state to the next. */
  private static final int IDLE_LOOKS = 2;

  /** A worker's end is heard on the relay and by llama-server: the relay's word explains more. */
  private static final Duration LAST_WORDS = Duration.ofMillis(300);

  private final HeadConfig config;
  private final StatusBoard board;
  private final Workers workers;
  private final WeightLedger ledger;
  private final LlamaServerMetrics metrics;

  /** Until when running answers may take, of {@link System#nanoTime}; null while nobody asked. */
  private volatile @Nullable Long drainDeadline;

  private volatile boolean serving;

  ServerRun(
      HeadConfig config,
      StatusBoard board,
      Workers workers,
      WeightLedger ledger,
      LlamaServerMetrics metrics) {
    this.config = config;
    this.board = board;
    this.workers = workers;
    this.ledger = ledger;
    this.metrics = metrics;
  }

  /**
   * Asks it to end once running answers are finished or the time for them is over. Any thread.
   *
   * @return whether it serves; otherwise there is nothing to wait for, and nothing has been done
   */
  boolean drain() {
    if (!serving) {
      return false;
    }
    drainDeadline = System.nanoTime() + config.drain().toNanos();
    return true;
  }

  /** Whether it was asked to end. */
  boolean isDraining() {
    return drainDeadline != null;
  }

  /**
   * Runs llama-server by a plan until it ends, has been drained or is interrupted.
   *
   * @param program llama-server
   * @throws Signal what ended it
   * @throws InterruptedException when the head is to stop; llama-server has been stopped then
   */
  void run(Planned plan, Path program) throws Signal, InterruptedException {
    int port = endpointPort();
    List<String> arguments =
        LlamaServerArguments.serve(
            config,
            new LlamaServerArguments.Decision(
                workers.relayAddresses(),
                plan.deviceOrder(),
                plan.split().tensorSplit(),
                plan.contextLength(),
                plan.flags(),
                port));
    workers.forgetLosses();
    metrics.restarted();
    board.clearWarnings();
    board.enter(HeadPhase.LOADING, HeadReason.AS_PLANNED, "llama-server brings the weights.");
    ledger.begin(plan.weightsBytes(), plan.weightsOfWorkers());
    workers.startHeartbeats();
    try (LlamaServerClient client = new LlamaServerClient(config, port);
        LlamaServerProcess child = start(program, arguments)) {
      board.child(child.pid());
      try {
        awaitReady(child, client);
        ready(plan, port);
        serving = true;
        watch(child, client);
        board.enter(HeadPhase.STOPPING, HeadReason.STOP_REQUESTED, "The head stops.");
        child.stop(config.limits().stop());
      } catch (InterruptedException e) {
        child.stop(config.limits().stop());
        throw e;
      }
    } finally {
      serving = false;
      workers.stopHeartbeats();
      ledger.end();
      board.child(null);
      board.endpoint(null);
      workers.forgetLosses();
    }
  }

  private LlamaServerProcess start(Path program, List<String> arguments)
      throws InterruptedException {
    try {
      return LlamaServerProcess.start(new ChildCommand(program, arguments));
    } catch (IOException e) {
      throw new HeadException(
          HeadReason.HEAD_IMAGE_UNSUITABLE, String.valueOf(e.getMessage()) + ".", e);
    }
  }

  private void awaitReady(LlamaServerProcess child, LlamaServerClient client)
      throws Signal, InterruptedException {
    long stall = config.limits().stall().toNanos();
    long progress = ledger.bytes();
    long since = System.nanoTime();
    while (!client.isHealthy()) {
      checkEnd(child);
      if (ledger.bytes() != progress) {
        progress = ledger.bytes();
        since = System.nanoTime();
      } else if (System.nanoTime() - since > stall) {
        throw new Signal.ServerStalled(
            "llama-server made no progress for %d s at %d %% of the weights and printed %s."
                .formatted(config.limits().stallSeconds(), ledger.percent(), child.tail().quote()));
      }
    }
    checkEnd(child);
  }

  private void ready(Planned plan, int port) {
    ledger.end();
    ledger.deviations(plan.split()).forEach(board::warn);
    plan.warning().ifPresent(board::warn);
    String endpoint =
        "http://" + LlamaServerClient.reachable(config.http().host()) + ":" + port + "/v1";
    board.endpoint(endpoint);
    board.enter(
        HeadPhase.READY,
        HeadReason.AS_PLANNED,
        config.model().name() + " answers at " + endpoint + ".");
  }

  /** Returns when it has been drained. */
  private void watch(LlamaServerProcess child, LlamaServerClient client)
      throws Signal, InterruptedException {
    long nextScrape = System.nanoTime();
    long nextLook = System.nanoTime();
    int idle = 0;
    while (true) {
      checkEnd(child);
      Long deadline = drainDeadline;
      if (deadline != null && System.nanoTime() >= nextLook) {
        idle = client.isIdle() ? idle + 1 : 0;
        if (idle >= IDLE_LOOKS || System.nanoTime() >= deadline) {
          return;
        }
        nextLook = System.nanoTime() + SLOTS_INTERVAL.toNanos();
      }
      if (System.nanoTime() >= nextScrape) {
        client.metrics().ifPresent(metrics::accept);
        board.rates(metrics.rates());
        nextScrape = System.nanoTime() + SCRAPE_INTERVAL.toNanos();
      }
    }
  }

  /** Waits a moment for something to go wrong. */
  private void checkEnd(LlamaServerProcess child) throws Signal, InterruptedException {
    Workers.Loss loss = workers.awaitLoss(child.isAlive() ? TICK : LAST_WORDS);
    if (loss != null) {
      throw new Signal.WorkerLost(loss);
    }
    if (!child.isAlive()) {
      throw new Signal.ServerEnded(child.obituary() + ".");
    }
  }

  /** Finds out before llama-server does whether it can listen, to say so plainly. */
  private int endpointPort() {
    String host = config.http().host();
    int port = config.http().port();
    try (ServerSocket probe = new ServerSocket()) {
      probe.bind(new InetSocketAddress(InetAddress.getByName(host), port));
      return probe.getLocalPort();
    } catch (IOException e) {
      throw new HeadException(
          HeadReason.ENDPOINT_TAKEN,
          "The endpoint cannot listen on %s:%d: %s. Stop what listens there, or choose another port."
              .formatted(host, port, e.getMessage()),
          e);
    }
  }
}
