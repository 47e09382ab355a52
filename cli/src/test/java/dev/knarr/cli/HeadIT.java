// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.awaitility.Awaitility.await;

import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus.WorkerState;
import dev.knarr.head.api.HeadStatus.WorkerStatus;
import dev.knarr.head.api.Identity;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A head as the operator starts it, over two of our workers. */
@Timeout(300)
class HeadIT {
  private static final String ANSWER = "Knarr runs one model across";

  @TempDir private static Path folder;

  @Nested
  class GivenAClusterThatIsReady {

    @Test
    void whenItsPlanIsRead_thenATokenGoesOnceRound() throws Exception {
      try (var cluster = new RunningCluster(folder, 0).awaitReady()) {
        var plan = Objects.requireNonNull(cluster.status().plan());
        var wire = Objects.requireNonNull(plan.wire());

        assertThat(wire.roundTripsPerToken()).isEqualTo(1);
        assertThat(wire.links())
            .extracting(link -> link.from() + " " + link.to())
            .containsExactly("head cpu-0", "cpu-0 cpu-1", "head cpu-1", "cpu-1 head");
        assertThat(wire.links()).allMatch(link -> link.bytesPerSecond() > 1_000_000);
        assertThat(Objects.requireNonNull(wire.tokensPerSecond())).isPositive();
        assertThat(plan.bytesPerToken()).isBetween(2048L + 484, 2048L + 8192 + 600);
        spent(cluster, 20);
        // What differs is tokens alone: both answers need the same graphs.
        double counted = (spent(cluster, 120) - spent(cluster, 20)) / 100;
        double planned =
            wire.links().stream()
                .filter(link -> link.from().equals("head") || link.to().equals("head"))
                .mapToDouble(link -> (double) link.bytesPerToken())
                .sum();
        assertThat(counted).isCloseTo(planned, withinPercentage(5));
        assertThat(cluster.ask("What is Knarr?", 40, false, BodyHandlers.ofString()).body())
            .contains(ANSWER);
      }
    }

    /** Bytes between head and workers for an answer of so many tokens. */
    private static double spent(RunningCluster cluster, int tokens) throws Exception {
      double before = Metrics.sum(cluster.management, "knarr_head_rpc_bytes_total");
      cluster.ask("Count from 1 to 100.", tokens, false, BodyHandlers.ofString());
      return Metrics.sum(cluster.management, "knarr_head_rpc_bytes_total") - before;
    }

    @Test
    void whenAWorkerIsFrozen_thenReadyIsGoneWithItsNameUntilItIsBack() throws Exception {
      try (var cluster = new RunningCluster(folder, 0).awaitReady()) {
        assertThat(cluster.readiness()).isEqualTo(200);
        cluster.signalSecond("STOP");
        var before = Instant.now();
        try {
          await("the frozen worker is named and Ready is gone")
              .atMost(Duration.ofSeconds(15))
              .until(
                  () ->
                      cluster.readiness() == 503
                          && cluster.status().workers().getLast().state() == WorkerState.LOST);
          var lost = cluster.status().workers().getLast();
          assertThat(lost.name()).isEqualTo("cpu-1");
          assertThat(Instant.parse(Objects.requireNonNull(lost.lastSeen())))
              .isBetween(before.minusSeconds(5), before.plusSeconds(1));
          await("the head waits for it, and says since when")
              .atMost(Duration.ofSeconds(30))
              .until(() -> lastMessage(cluster).contains("Missing for"));
          assertThat(lastMessage(cluster)).contains("accepts the connection but does not answer");
          assertThat(cluster.status().message()).contains("cpu-1 (" + cluster.second.rpc() + ")");
        } finally {
          cluster.signalSecond("CONT");
        }

        cluster.awaitReady();
        assertThat(cluster.ask("What is Knarr?", 40, false, BodyHandlers.ofString()).body())
            .contains(ANSWER);
        assertThat(cluster.status().workers())
            .extracting(WorkerStatus::state)
            .containsOnly(WorkerState.PROVEN);
      }
    }

    private static String lastMessage(RunningCluster cluster)
        throws IOException, InterruptedException {
      return String.valueOf(cluster.status().workers().getLast().message());
    }

    @Test
    void whenItIsTerminatedDuringAStream_thenTheStreamIsFinishedFirst() throws Exception {
      try (var cluster = new RunningCluster(folder, 120).awaitReady()) {
        var answer = cluster.ask("Count from 1 to 100.", 600, true, BodyHandlers.ofInputStream());
        try (var stream =
            new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8))) {
          assertThat(stream.readLine()).startsWith("data: ");

          cluster.head.terminate();
          await("readiness is gone").until(() -> cluster.readiness() == 503);
          var status = cluster.status();
          var rest = stream.lines().toList();

          assertThat(status.phase()).isEqualTo(HeadPhase.STOPPING);
          assertThat(status.reason()).isEqualTo(HeadReason.DRAINING);
          assertThat(status.identity())
              .isEqualTo(new Identity("cluster-uid", "revision-1").in("pod-uid"));
          assertThat(rest).contains("data: [DONE]");
          assertThat(String.join("\n", rest)).contains("\"finish_reason\":\"stop\"");
        }
        assertThat(cluster.head.awaitExit(Duration.ofSeconds(45))).isEqualTo(128 + 15);
      }
    }

    @Test
    void whenAQuestionIsAsked_thenCountedBytesAreThoseOfTheKernel() throws Exception {
      try (var cluster = new RunningCluster(folder, 0).awaitReady()) {
        var workers = List.of(cluster.first, cluster.second);
        var before = workers.stream().map(worker -> Bytes.atRest(cluster, worker)).toList();

        cluster.ask("Count from 1 to 100.", 600, false, BodyHandlers.ofString());

        double tensors = 0;
        for (int i = 0; i < workers.size(); i++) {
          var spent = Bytes.atRest(cluster, workers.get(i)).minus(before.get(i));
          // The kernel's figures are of all that connect to a worker, the other one among them.
          assertThat(spent.kernelSent).isGreaterThan(20_000);
          assertThat(spent.workerReceived).isCloseTo(spent.kernelSent, near(spent.kernelSent));
          assertThat(spent.headSent + spent.tensorsReceived)
              .isCloseTo(spent.kernelSent, near(spent.kernelSent));
          assertThat(spent.headReceived)
              .isCloseTo(spent.kernelReceived, near(spent.kernelReceived));
          assertThat(spent.workerSent - spent.tensorsSent)
              .isCloseTo(spent.kernelReceived, near(spent.kernelReceived));
          tensors += spent.tensorsReceived - spent.tensorsSent;
        }
        assertThat(tensors).as("what one worker sends, the other receives").isZero();
        await("llama-server's counters arrive")
            .until(
                () ->
                    Metrics.sum(
                            cluster.management,
                            "knarr_head_tokens_total",
                            "direction=\"generated\"")
                        > 100);
        assertThat(cluster.status().tokensPerSecond().generation()).isPositive();
        assertThat(cluster.readiness()).isEqualTo(200);
      }
    }
  }

  /** Within one percent, and some heartbeats. */
  private static Offset<Double> near(double bytes) {
    return within(0.01 * bytes + Bytes.HEARTBEATS);
  }

  /** Bytes that have crossed to and from one worker, counted by three who know. */
  private record Bytes(
      double kernelSent,
      double kernelReceived,
      double headSent,
      double headReceived,
      double workerReceived,
      double workerSent,
      double tensorsReceived,
      double tensorsSent) {
    /** More than a few questions whether the worker is alive. */
    private static final double HEARTBEATS = 1000;

    private static final Pattern SENT = Pattern.compile("bytes_sent:(\\d+)");
    private static final Pattern RECEIVED = Pattern.compile("bytes_received:(\\d+)");

    /** Of the connections that are open, once nothing but heartbeats moves them. */
    static Bytes atRest(RunningCluster cluster, RunningWorker worker) {
      var last = new AtomicReference<>(now(cluster, worker));
      await("nothing is on its way")
          .atMost(KnarrProcess.LIMIT)
          .until(
              () -> {
                var now = now(cluster, worker);
                return now.minus(last.getAndSet(now)).total() < HEARTBEATS;
              });
      return last.get();
    }

    private double total() {
      return kernelSent + kernelReceived + headSent + headReceived + workerReceived + workerSent;
    }

    private static Bytes now(RunningCluster cluster, RunningWorker worker) {
      try {
        var name = worker.equals(cluster.first) ? "worker=\"cpu-0\"" : "worker=\"cpu-1\"";
        var sockets = sockets(worker.rpc().substring(worker.rpc().lastIndexOf(':') + 1));
        return new Bytes(
            sum(SENT, sockets),
            sum(RECEIVED, sockets),
            Metrics.sum(
                cluster.management, "knarr_head_rpc_bytes_total", name, "direction=\"request\""),
            Metrics.sum(
                cluster.management, "knarr_head_rpc_bytes_total", name, "direction=\"response\""),
            worker.metric("knarr_worker_rpc_bytes_total", "direction=\"request\""),
            worker.metric("knarr_worker_rpc_bytes_total", "direction=\"response\""),
            tensors(worker, "request"),
            tensors(worker, "response"));
      } catch (IOException | InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    /** What this worker has had from the other, or has sent it. */
    private static double tensors(RunningWorker worker, String direction)
        throws IOException, InterruptedException {
      return worker.metric(
          "knarr_worker_rpc_bytes_total",
          "\"route_tensor\"",
          "direction=\"%s\"".formatted(direction));
    }

    private static String sockets(String port) throws IOException, InterruptedException {
      try {
        var ss =
            new ProcessBuilder("ss", "-tinH", "dport", "=", ":" + port)
                .redirectErrorStream(true)
                .start();
        var text = new String(ss.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(ss.waitFor()).as(text).isZero();
        return text;
      } catch (IOException e) {
        throw new IOException(
            "The program ss says what the kernel has counted: install iproute2", e);
      }
    }

    private static double sum(Pattern pattern, String text) {
      return pattern.matcher(text).results().mapToLong(m -> Long.parseLong(m.group(1))).sum();
    }

    Bytes minus(Bytes earlier) {
      return new Bytes(
          kernelSent - earlier.kernelSent,
          kernelReceived - earlier.kernelReceived,
          headSent - earlier.headSent,
          headReceived - earlier.headReceived,
          workerReceived - earlier.workerReceived,
          workerSent - earlier.workerSent,
          tensorsReceived - earlier.tensorsReceived,
          tensorsSent - earlier.tensorsSent);
    }
  }
}
