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
import java.time.Duration;
import java.util.List;

/**
 * One life of llama-server, from its start to its end, whichever way it ends. The supervisor's
 * thread.
 */
final class ServerRun {

  private static final Duration TICK = Duration.ofMillis(100);
  private static final Duration SCRAPE_INTERVAL = Duration.ofSeconds(2);

  /** A worker's end is heard on the relay and by llama-server: the relay's word explains more. */
  private static final Duration LAST_WORDS = Duration.ofMillis(300);

  private final HeadConfig config;
  private final StatusBoard board;
  private final Workers workers;
  private final WeightLedger ledger;
  private final LlamaServerMetrics metrics;

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
   * Runs llama-server by a plan until it ends or is interrupted.
   *
   * @throws Signal what ended it
   * @throws InterruptedException when the head is to stop; llama-server has been stopped then
   */
  void run(Planned plan) throws Signal, InterruptedException {
    int port = endpointPort();
    List<String> arguments =
        LlamaServerArguments.serve(
            config,
            new LlamaServerArguments.Decision(
                workers.relayAddresses(),
                plan.deviceOrder(),
                plan.split().tensorSplit(),
                plan.contextLength(),
                port));
    workers.forgetLosses();
    metrics.restarted();
    board.clearWarnings();
    board.enter(HeadPhase.LOADING, HeadReason.AS_PLANNED, "llama-server brings the weights.");
    ledger.begin(plan.weightsBytes());
    try (LlamaServerClient client = new LlamaServerClient(config, port);
        LlamaServerProcess child = start(arguments)) {
      board.child(child.pid());
      try {
        awaitReady(child, client);
        ready(plan, port);
        watch(child, client);
      } catch (InterruptedException e) {
        child.stop(config.limits().stop());
        throw e;
      }
    } finally {
      ledger.end();
      board.child(null);
      board.endpoint(null);
      workers.forgetLosses();
    }
  }

  private LlamaServerProcess start(List<String> arguments) throws InterruptedException {
    try {
      return LlamaServerProcess.start(new ChildCommand(config.llamaServer().program(), arguments));
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
    String endpoint =
        "http://" + LlamaServerClient.reachable(config.http().host()) + ":" + port + "/v1";
    board.endpoint(endpoint);
    board.enter(
        HeadPhase.READY,
        HeadReason.AS_PLANNED,
        config.model().name() + " answers at " + endpoint + ".");
  }

  private void watch(LlamaServerProcess child, LlamaServerClient client)
      throws Signal, InterruptedException {
    long nextScrape = System.nanoTime();
    while (true) {
      checkEnd(child);
      if (System.nanoTime() >= nextScrape) {
        client.metrics().ifPresent(metrics::accept);
        board.rates(metrics.rates());
        nextScrape = System.nanoTime() + SCRAPE_INTERVAL.toNanos();
      }
    }
  }

  /** Waits a moment for something to go wrong. */
  private void checkEnd(LlamaServerProcess child) throws Signal, InterruptedException {
    String loss = workers.awaitLoss(child.isAlive() ? TICK : LAST_WORDS);
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
