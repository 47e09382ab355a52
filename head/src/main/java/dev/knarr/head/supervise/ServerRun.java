// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.gateway.Gateway;
import dev.knarr.head.gateway.Upstream;
import dev.knarr.head.supervise.Planner.Planned;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One life of llama-server, from its start to its end, whichever way it ends. The supervisor's
 * thread.
 */
final class ServerRun {

  private static final Duration TICK = Duration.ofMillis(100);

  /** Whoever waits for the model waits for this too, at most. */
  private static final Duration LOADING_INTERVAL = Duration.ofMillis(250);

  /** llama-server prints something when it has loaded, so it is asked when it has printed. */
  private static final Duration LOADING_TICK = Duration.ofMillis(20);

  private static final Duration JUST_PRINTED = Duration.ofMillis(80);

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
  private final Gateway gateway;

  /** Until when running answers may take, of {@link System#nanoTime}; null while nobody asked. */
  private volatile @Nullable Long drainDeadline;

  private volatile boolean serving;

  ServerRun(
      HeadConfig config,
      StatusBoard board,
      Workers workers,
      WeightLedger ledger,
      LlamaServerMetrics metrics,
      Gateway gateway) {
    this.config = config;
    this.board = board;
    this.workers = workers;
    this.ledger = ledger;
    this.metrics = metrics;
    this.gateway = gateway;
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
   * @param absentees whom the plan does without; when one is back this ends at the next moment at
   *     which no request is running
   * @throws Signal what ended it
   * @throws InterruptedException when the head is to stop; llama-server has been stopped then
   */
  void run(Planned plan, Path program, Absentees absentees) throws Signal, InterruptedException {
    int port = freePort();
    @Nullable String key = config.apiKeyFile() == null ? null : randomKey();
    List<String> arguments =
        LlamaServerArguments.serve(
            config,
            new LlamaServerArguments.Decision(
                workers.addresses(),
                workers.offer(plan.deviceOrder()),
                plan.own(),
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
    Upstream upstream = new Upstream(port, key);
    try (LlamaServerClient client = new LlamaServerClient(upstream);
        LlamaServerProcess child = start(program, arguments, key)) {
      board.child(child.pid());
      try {
        awaitReady(child, client);
        // In this order: who is told that it is ready is also served.
        gateway.up(upstream);
        ready(plan, absentees);
        serving = true;
        watch(child, client, absentees);
        stop(child);
      } catch (Signal signal) {
        gateway.down(signal.reason(), signal.sentence());
        throw signal;
      } catch (InterruptedException e) {
        stop(child);
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

  private void stop(LlamaServerProcess child) {
    board.enter(HeadPhase.STOPPING, HeadReason.STOP_REQUESTED, "The head stops.");
    gateway.down(HeadReason.STOP_REQUESTED, "The head stops.");
    child.stop(config.limits().stop());
  }

  private LlamaServerProcess start(Path program, List<String> arguments, @Nullable String key)
      throws InterruptedException {
    try {
      return LlamaServerProcess.start(new ChildCommand(program, arguments, key));
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
    long asked = System.nanoTime();
    while (true) {
      if (child.silence().compareTo(JUST_PRINTED) < 0
          || System.nanoTime() - asked > LOADING_INTERVAL.toNanos()) {
        if (client.isHealthy()) {
          break;
        }
        asked = System.nanoTime();
      }
      checkEnd(child, LOADING_TICK);
      if (ledger.bytes() != progress) {
        progress = ledger.bytes();
        since = System.nanoTime();
      } else if (System.nanoTime() - since > stall) {
        throw new Signal.ServerStalled(
            "llama-server made no progress for %d s at %d %% of the weights and printed %s."
                .formatted(config.limits().stallSeconds(), ledger.percent(), child.tail().quote()));
      }
    }
    checkEnd(child, Duration.ZERO);
  }

  private void ready(Planned plan, Absentees absentees) {
    ledger.end();
    ledger.deviations(plan.split()).forEach(board::warn);
    plan.warning().ifPresent(board::warn);
    board.endpoint(endpoint());
    showReady(absentees);
  }

  private String endpoint() {
    return "http://" + reachable(config.http().host()) + ":" + gateway.port() + "/v1";
  }

  private void showReady(Absentees absentees) {
    String answers = config.model().name() + " answers at " + endpoint();
    if (absentees.isNobody()) {
      board.enter(HeadPhase.READY, HeadReason.AS_PLANNED, answers + ".");
    } else {
      board.enter(HeadPhase.READY, HeadReason.REDUCED_PLAN, answers + " " + absentees.sentence());
    }
  }

  /** Returns when it has been drained. */
  private void watch(LlamaServerProcess child, LlamaServerClient client, Absentees absentees)
      throws Signal, InterruptedException {
    long nextScrape = System.nanoTime();
    long nextLook = System.nanoTime();
    int idle = 0;
    while (true) {
      checkEnd(child, TICK);
      Long deadline = drainDeadline;
      if (deadline == null && !absentees.isNobody()) {
        showReady(absentees);
        leaveForMore(absentees);
      }
      if (deadline != null && System.nanoTime() >= nextLook) {
        idle = gateway.isIdle() && client.isIdle() ? idle + 1 : 0;
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

  /** Ends this life for one with more workers, unless that would end a request. */
  private void leaveForMore(Absentees absentees) throws Signal, InterruptedException {
    Optional<String> welcome = absentees.welcome();
    if (welcome.isPresent() && gateway.downIfIdle(HeadReason.REDUCED_PLAN, welcome.get())) {
      throw new Signal.WorkerBack(welcome.get());
    }
  }

  /** Waits a moment for something to go wrong. */
  private void checkEnd(LlamaServerProcess child, Duration moment)
      throws Signal, InterruptedException {
    Workers.Loss loss = workers.awaitLoss(child.isAlive() ? moment : LAST_WORDS);
    if (loss != null) {
      throw new Signal.WorkerLost(loss);
    }
    if (!child.isAlive()) {
      throw new Signal.ServerEnded(child.obituary() + ".");
    }
  }

  /** Returns an address by which this machine reaches a listener on {@code host}. */
  private static String reachable(String host) {
    return switch (host) {
      case "0.0.0.0", "::", "" -> "127.0.0.1";
      default -> host.contains(":") ? "[" + host + "]" : host;
    };
  }

  /** Where keys are asked for, others on this machine shall not get past the gateway. */
  private static String randomKey() {
    byte[] key = new byte[32];
    new SecureRandom().nextBytes(key);
    return HexFormat.of().formatHex(key);
  }

  /** Whoever takes it before llama-server does makes that end, and the next one is tried. */
  private static int freePort() {
    try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return probe.getLocalPort();
    } catch (IOException e) {
      throw new HeadException(
          HeadReason.INTERNAL_ERROR, "There is no free port for llama-server: " + e + ".", e);
    }
  }
}
