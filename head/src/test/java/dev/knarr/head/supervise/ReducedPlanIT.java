// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static dev.knarr.head.supervise.RunningHead.ANSWER;
import static dev.knarr.head.supervise.RunningHead.config;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.head.HeadMetrics;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.api.HeadStatus.WorkerState;
import dev.knarr.head.route.OurWorker;
import dev.knarr.testkit.peers.LlamaCppTree;
import dev.knarr.testkit.peers.StockWorker;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The supervisor while a worker stays away for longer than it is waited for. */
class ReducedPlanIT {

  private static HeadStatus awaitReason(RunningHead head, HeadReason reason) {
    await("ready, " + reason)
        .atMost(Duration.ofSeconds(60))
        .untilAsserted(
            () -> {
              HeadStatus now = head.status();
              assertThat(now.phase()).as(now.message()).isEqualTo(HeadPhase.READY);
              assertThat(now.reason()).as(now.message()).isEqualTo(reason);
            });
    return head.status();
  }

  private static List<String> devices(HeadStatus status) {
    return Objects.requireNonNull(status.plan()).devices().stream()
        .map(HeadStatus.PlannedDevice::name)
        .toList();
  }

  @Nested
  class GivenAModelThatFitsOnEachWorker {

    @Test
    void whenOneIsKilled_thenTheOtherServesUntilItIsBackAndNoRequestRuns() throws Exception {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start();
          RunningHead head =
              new RunningHead(
                  RunningHead.replanning(config(List.of(first.address(), second.address())), 2))) {
        HeadStatus whole = awaitReason(head, HeadReason.AS_PLANNED);
        assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);

        second.kill();
        HeadStatus reduced = awaitReason(head, HeadReason.REDUCED_PLAN);

        assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
        assertThat(head.supervisor.isReady()).isTrue();
        assertThat(devices(reduced)).containsExactly("cpu-0/0");
        assertThat(reduced.message())
            .contains("without cpu-1 (" + second.address() + ")", "Start", "spec.workers");
        assertThat(reduced.workers().getLast().state()).isEqualTo(WorkerState.LOST);
        assertThat(reduced.workers().getLast().message()).contains("Missing for");
        assertThat(head.gauge(HeadMetrics.WORKER_UP, "worker", "cpu-1")).isZero();
        assertThat(head.gauge(HeadMetrics.PLAN_TOKEN, "to", "cpu-0")).isPositive();
        assertThat(head.gauge(HeadMetrics.PLAN_TOKEN, "to", "cpu-1")).isNull();
        assertThat(head.health())
            .contains("\"status\":\"degraded\"", "\"reason\":\"ReducedPlan\"", "cpu-1");

        try (HalfRequest request = new HalfRequest(head);
            StockWorker _ = StockWorker.start(second.port())) {
          await("it is back").until(() -> head.status().message().contains("cpu-1 is back"));
          assertThat(head.status().message()).contains("as soon as no request is running");
          assertThat(head.status().workers().getLast().state()).isEqualTo(WorkerState.PROVEN);
          assertThat(request.finish()).as("what ran meanwhile").contains(ANSWER);

          HeadStatus again = awaitReason(head, HeadReason.AS_PLANNED);
          assertThat(devices(again)).containsExactlyElementsOf(devices(whole)).hasSize(2);
          assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
          assertThat(head.health()).isEqualTo("{\"status\":\"ok\"}");
          assertThat(head.count(HeadMetrics.RESTARTS, "reason", "ReducedPlan")).isEqualTo(1);
        }
      }
    }

    @Test
    void whenItIsBackAndGoneAgainWhileARequestRuns_thenNothingIsRestarted() throws Exception {
      int port = LlamaCppTree.freePort();
      try (StockWorker first = StockWorker.start();
          RunningHead head =
              new RunningHead(
                  RunningHead.replanning(
                      config(List.of(first.address(), "127.0.0.1:" + port)), 1))) {
        awaitReason(head, HeadReason.REDUCED_PLAN);
        ProcessHandle server = head.llamaServer().orElseThrow();

        try (HalfRequest request = new HalfRequest(head)) {
          try (StockWorker _ = StockWorker.start(port)) {
            await("it is back").until(() -> head.status().message().contains("cpu-1 is back"));
          }
          await("it is gone again")
              .atMost(Duration.ofSeconds(20))
              .until(() -> head.status().message().contains("Start what is missing"));
          assertThat(head.status().workers().getLast().state()).isEqualTo(WorkerState.LOST);
          assertThat(request.finish()).contains(ANSWER);
        }

        assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
        assertThat(head.llamaServer()).contains(server);
        assertThat(head.count(HeadMetrics.RESTARTS)).isZero();
      }
    }

    @Test
    void whenOneNeverCame_thenTheOtherServes() {
      int port = LlamaCppTree.freePort();
      try (StockWorker second = StockWorker.start();
          RunningHead head =
              new RunningHead(
                  RunningHead.replanning(
                      config(List.of("127.0.0.1:" + port, second.address())), 1))) {
        HeadStatus reduced = awaitReason(head, HeadReason.REDUCED_PLAN);

        assertThat(devices(reduced)).containsExactly("cpu-1/0");
        assertThat(reduced.workers())
            .extracting(HeadStatus.WorkerStatus::state)
            .containsExactly(WorkerState.WAITING, WorkerState.PROVEN);
        assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
      }
    }

    @Test
    void whenTheSplitNamesDevices_thenThoseThatAreThereAreUsed() {
      int port = LlamaCppTree.freePort();
      try (StockWorker second = StockWorker.start()) {
        HeadConfig config =
            RunningHead.replanning(config(List.of("127.0.0.1:" + port, second.address())), 1);
        try (RunningHead head = new RunningHead(splitOver(config, null))) {
          assertThat(devices(awaitReason(head, HeadReason.REDUCED_PLAN)))
              .containsExactly("cpu-1/0");
        }
        try (RunningHead head = new RunningHead(splitOver(config, 4))) {
          await("its layers have no other place")
              .until(() -> head.status().message().contains("split.devices names cpu-0/0"));
          assertThat(head.status().phase()).isEqualTo(HeadPhase.PROVING_WORKERS);
        }
      }
    }

    private static HeadConfig splitOver(HeadConfig config, @Nullable Integer layers) {
      return RunningHead.splitting(
          config,
          new HeadConfig.Split(
              HeadConfig.SplitMode.LAYER,
              List.of(
                  new HeadConfig.SplitDevice("cpu-0/0", layers),
                  new HeadConfig.SplitDevice("cpu-1/0", layers))));
    }
  }

  @Nested
  class GivenAModelThatNeedsBothWorkers {

    @Test
    void whenOneIsGone_thenItIsSaidByHowMuchItDoesNotFitAndTheHeadWaits() {
      try (OurWorker first = small(0);
          OurWorker second = small(0)) {
        int port = second.port();
        HeadConfig config = config(List.of("127.0.0.1:" + first.port(), "127.0.0.1:" + port));
        try (RunningHead head = new RunningHead(RunningHead.replanning(config, 1))) {
          awaitReason(head, HeadReason.AS_PLANNED);

          second.close();
          await("it does not fit")
              .atMost(Duration.ofSeconds(30))
              .until(() -> head.status().message().contains("The others do not suffice"));

          HeadStatus waiting = head.status();
          assertThat(waiting.phase()).isEqualTo(HeadPhase.WAITING_FOR_WORKERS);
          assertThat(waiting.reason()).isEqualTo(HeadReason.WORKER_UNREACHABLE);
          assertThat(waiting.message())
              .contains("1 of 2 workers", "cpu-1 (127.0.0.1:" + port + ")")
              .containsPattern("does not fit: it needs .* [KM]iB too little");
          assertThat(head.supervisor.isReady()).isFalse();
          try (OurWorker _ = small(port)) {
            assertThat(devices(awaitReason(head, HeadReason.AS_PLANNED))).hasSize(2);
            assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
          }
        }
      }
    }

    private static OurWorker small(int port) {
      return OurWorker.configured(Map.of("port", String.valueOf(port), "memory-limit", "26000Ki"));
    }
  }

  /** A request whose body is not there yet: it runs until it is finished. */
  private static final class HalfRequest implements AutoCloseable {
    private static final String BODY =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"What is Knarr?\"}],\"temperature\":0}";

    private final Socket socket;

    HalfRequest(RunningHead head) throws IOException {
      URI endpoint = URI.create(Objects.requireNonNull(head.status().endpoint()));
      socket = new Socket(endpoint.getHost(), endpoint.getPort());
      write(
          "POST /v1/chat/completions HTTP/1.1\r\nHost: knarr\r\nConnection: close\r\n"
              + "Content-Type: application/json\r\nContent-Length: "
              + BODY.length()
              + "\r\n\r\n"
              + BODY.charAt(0));
    }

    private void write(String text) throws IOException {
      socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
    }

    String finish() throws IOException {
      write(BODY.substring(1));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
