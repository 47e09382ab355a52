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
import dev.knarr.testkit.peers.LlamaCppTree;
import dev.knarr.testkit.peers.StockWorker;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The supervisor over stock workers with the stock llama-server. */
class SupervisorIT {

  @Nested
  class GivenTwoWorkers {

    @Test
    void whenAQuestionIsAsked_thenTheAnswerIsRightAndEverythingIsCounted() {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start();
          RunningHead head = new RunningHead(config(List.of(first.address(), second.address())))) {
        HeadStatus ready = head.awaitPhase(HeadPhase.READY);

        String answer = head.ask("What is Knarr?");

        assertThat(answer).isEqualTo(ANSWER);
        assertThat(ready.workers())
            .extracting(HeadStatus.WorkerStatus::state)
            .containsOnly(WorkerState.PROVEN);
        assertThat(ready.workers().getFirst().protocol()).isEqualTo("8.0.0");
        assertThat(ready.loadPercent()).isEqualTo(100);
        assertThat(ready.warnings()).isEmpty();
        assertThat(Objects.requireNonNull(ready.plan()).tensorSplit()).containsExactly(4, 5);
        for (String worker : List.of("cpu-0", "cpu-1")) {
          assertThat(head.gauge(HeadMetrics.WORKER_UP, "worker", worker)).isEqualTo(1);
          assertThat(head.count(HeadMetrics.GRAPHS, "worker", worker, "kind", "recomputed"))
              .isGreaterThan(5);
          assertThat(
                  head.count(
                      HeadMetrics.RPC_BYTES,
                      "worker",
                      worker,
                      "command",
                      "set_tensor",
                      "direction",
                      "request"))
              .isGreaterThan(1_000_000);
        }
        await("llama-server's counters arrive")
            .atMost(Duration.ofSeconds(10))
            .untilAsserted(
                () -> {
                  assertThat(head.count(HeadMetrics.TOKENS, "direction", "generated"))
                      .isEqualTo(12);
                  assertThat(head.status().tokensPerSecond().generation()).isPositive();
                });
      }
    }

    @Test
    void whenTheHeadIsClosed_thenTheWorkersServeTheNext() {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start()) {
        var config = config(List.of(first.address(), second.address()));
        for (int round = 0; round < 2; round++) {
          try (RunningHead head = new RunningHead(config)) {
            head.awaitPhase(HeadPhase.READY);
            assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
          }
        }

        assertThat(first.process().isAlive()).isTrue();
        assertThat(second.process().isAlive()).isTrue();
      }
    }

    @Test
    void whenAWorkerDiesInMidAnswer_thenItIsNamedAndAllGoesOnWhenItIsBack() {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start();
          RunningHead head = new RunningHead(config(List.of(first.address(), second.address())))) {
        head.awaitPhase(HeadPhase.READY);
        ProcessHandle server = head.llamaServer().orElseThrow();
        CompletableFuture<String> answer = head.ask("Count from 1 to 100.", 600);
        await("the answer has begun")
            .until(
                () -> head.count(HeadMetrics.GRAPHS, "worker", "cpu-1", "kind", "recomputed") > 10);

        second.kill();
        HeadStatus waiting = head.awaitPhase(HeadPhase.WAITING_FOR_WORKERS);

        assertThat(waiting.message()).contains("cpu-1").contains(second.address());
        await("llama-server ended").until(() -> !server.isAlive());
        await("the worker is known to be missing")
            .until(() -> head.status().reason() == HeadReason.WORKER_UNREACHABLE);
        assertThat(head.status().message()).contains("cpu-1").contains("refused");
        assertThat(head.gauge(HeadMetrics.WORKER_UP, "worker", "cpu-1")).isZero();
        assertThat(answer).isNotDone();
        try (StockWorker again = StockWorker.start(second.port())) {
          head.awaitPhase(HeadPhase.READY);
          assertThat(answer.join()).as("run again").endsWith("98, 99, 100.");
          assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
          assertThat(head.count(HeadMetrics.RESTARTS, "reason", "WorkerLost")).isEqualTo(1);
          assertThat(again.process().isAlive()).isTrue();
        }
      }
    }

    @Test
    void whenAWorkerIsLostAgainAndAgain_thenItHasToStayBeforeItIsUsed() {
      try (StockWorker first = StockWorker.start();
          RunningHead head = new RunningHead(config(List.of(first.address())))) {
        head.awaitPhase(HeadPhase.READY);
        first.kill();
        head.awaitPhase(HeadPhase.WAITING_FOR_WORKERS);
        await("who is missing, and what becomes of it")
            .until(() -> head.status().message().contains("for which they have 60 s"));
        try (StockWorker second = StockWorker.start(first.port())) {
          head.awaitPhase(HeadPhase.READY);
          second.kill();
          head.awaitPhase(HeadPhase.WAITING_FOR_WORKERS);
        }

        try (StockWorker _ = StockWorker.start(first.port())) {
          await("it is there and not used yet")
              .pollInterval(Duration.ofMillis(20))
              .until(() -> head.status().message().contains("llama-server starts in 1 s"));
          head.awaitPhase(HeadPhase.READY);
          assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
        }
      }
    }

    @Test
    void whenAWorkerDiesWhileNobodyAsks_thenItIsNoticedAtOnce() {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start();
          RunningHead head = new RunningHead(config(List.of(first.address(), second.address())))) {
        head.awaitPhase(HeadPhase.READY);

        first.kill();

        await("noticed")
            .atMost(Duration.ofSeconds(2))
            .until(() -> head.status().phase() == HeadPhase.WAITING_FOR_WORKERS);
      }
    }

    @Test
    void whenLlamaServerIsKilled_thenItStartsAgainAndAfterThreeTimesNotAnyMore() {
      try (StockWorker first = StockWorker.start();
          RunningHead head = new RunningHead(config(List.of(first.address())))) {
        for (int round = 1; round <= 2; round++) {
          head.awaitPhase(HeadPhase.READY);
          head.llamaServer().orElseThrow().destroyForcibly();
          HeadStatus restarting = head.awaitPhase(HeadPhase.RESTARTING);
          assertThat(restarting.message()).contains("signal 9");
        }
        head.awaitPhase(HeadPhase.READY);
        assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);

        head.llamaServer().orElseThrow().destroyForcibly();
        HeadStatus failed = head.awaitPhase(HeadPhase.FAILED);

        assertThat(failed.reason()).isEqualTo(HeadReason.LLAMA_SERVER_ENDED);
        assertThat(failed.message()).contains("Given up after 3").contains("signal 9");
        assertThat(head.count(HeadMetrics.RESTARTS)).isEqualTo(2);
        assertThat(first.process().isAlive()).isTrue();
      }
    }
  }

  @Nested
  class GivenAHeadThatIsAskedToStop {

    @Test
    void whenAnAnswerIsRunning_thenItIsFinishedBeforeLlamaServerEnds() {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start();
          RunningHead head =
              new RunningHead(
                  RunningHead.draining(config(List.of(first.address(), second.address())), 120))) {
        head.awaitPhase(HeadPhase.READY);
        CompletableFuture<String> answer = beginAnswer(head);

        CompletableFuture<Void> closed = CompletableFuture.runAsync(head.supervisor::close);
        HeadStatus stopping = head.awaitPhase(HeadPhase.STOPPING);

        assertThat(stopping.reason()).isEqualTo(HeadReason.DRAINING);
        assertThat(head.supervisor.isReady()).isFalse();
        assertThat(Objects.requireNonNull(stopping.identity()).clusterUid()).isEqualTo("cluster");
        assertThat(answer.join()).as("the whole answer").endsWith("98, 99, 100.");
        assertThat(closed).succeedsWithin(Duration.ofSeconds(30));
        assertThat(head.status().reason()).isEqualTo(HeadReason.STOP_REQUESTED);
        assertThat(head.status().endpoint()).isNull();
      }
    }

    @Test
    void whenAnAnswerNeverEnds_thenItIsCutWhenTheTimeIsOver() throws IOException {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start();
          RunningHead head =
              new RunningHead(
                  RunningHead.draining(config(List.of(first.address(), second.address())), 1))) {
        head.awaitPhase(HeadPhase.READY);
        CompletableFuture<String> answer = beginAnswer(head);
        ProcessHandle server = head.llamaServer().orElseThrow();
        signal("STOP", second.process());
        try {
          CompletableFuture<Void> closed = CompletableFuture.runAsync(head.supervisor::close);

          assertThat(closed).succeedsWithin(Duration.ofSeconds(1 + 45));
          assertThat(server.isAlive()).isFalse();
          assertThat(answer.join()).as("an error in place of an answer").isEmpty();
        } finally {
          signal("CONT", second.process());
        }
      }
    }

    private static CompletableFuture<String> beginAnswer(RunningHead head) {
      CompletableFuture<String> answer = head.ask("Count from 1 to 100.", 600);
      await("the answer has begun")
          .until(
              () -> head.count(HeadMetrics.GRAPHS, "worker", "cpu-1", "kind", "recomputed") > 10);
      return answer;
    }

    private static void signal(String name, Process process) throws IOException {
      Process kill =
          new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).inheritIO().start();
      await("the signal is sent").until(() -> !kill.isAlive());
      assertThat(kill.exitValue()).isZero();
    }
  }

  @Nested
  class GivenAnApiKey {

    @TempDir Path folder;

    @Test
    void whenTheHeadReadsMetrics_thenItPresentsTheKey() throws IOException {
      Path keys = Files.writeString(folder.resolve("keys"), "# ours\nsecret\n");
      try (StockWorker worker = StockWorker.start()) {
        HeadConfig locked = RunningHead.locked(config(List.of(worker.address())), keys);
        try (RunningHead head = new RunningHead(locked)) {
          head.awaitPhase(HeadPhase.READY);

          assertThat(head.ask("What is Knarr?")).isEmpty();
          assertThat(head.askWith("secret", "What is Knarr?")).isEqualTo(ANSWER);
          await("tokens are counted")
              .atMost(Duration.ofSeconds(10))
              .until(() -> head.count(HeadMetrics.TOKENS, "direction", "generated") == 12);
        }
      }
    }

    @Test
    void whenSomebodyOnTheMachineFindsLlamaServer_thenItWantsAKeyThatNobodyHas()
        throws IOException, InterruptedException {
      Path keys = Files.writeString(folder.resolve("keys"), "secret\n");
      try (StockWorker worker = StockWorker.start();
          RunningHead head =
              new RunningHead(RunningHead.locked(config(List.of(worker.address())), keys));
          HttpClient http = HttpClient.newHttpClient()) {
        head.awaitPhase(HeadPhase.READY);
        List<String> arguments =
            List.of(head.llamaServer().orElseThrow().info().arguments().orElseThrow());
        String port = arguments.get(arguments.indexOf("--port") + 1);

        HttpRequest request =
            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/props"))
                .header("Authorization", "Bearer secret")
                .build();

        assertThat(http.send(request, BodyHandlers.discarding()).statusCode()).isEqualTo(401);
        assertThat(arguments).noneMatch(argument -> argument.contains("key"));
      }
    }
  }

  @Nested
  class GivenADraftModel {

    @Test
    void whenAQuestionIsAsked_thenTheAnswerIsTheSame() {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start()) {
        HeadConfig plain = config(List.of(first.address(), second.address()));
        HeadConfig drafted = RunningHead.drafted(plain);
        try (RunningHead head = new RunningHead(drafted)) {
          HeadStatus ready = head.awaitPhase(HeadPhase.READY);

          assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
          assertThat(ready.warnings()).isEmpty();
        }
      }
    }
  }

  @Nested
  class GivenTheProgramItself {

    @Test
    void whenItIsAskedForHelp_thenItKnowsEveryOptionThatTheHeadSets() throws Exception {
      Process help =
          new ProcessBuilder(LlamaCppTree.program("llama-server").toString(), "--help")
              .redirectErrorStream(true)
              .start();
      String text = new String(help.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      help.waitFor();

      HeadConfig config = config(List.of("127.0.0.1:1"));
      List<String> options =
          LlamaServerArguments.serve(
                  config,
                  new LlamaServerArguments.Decision(
                      List.of("127.0.0.1:7"),
                      List.of(0),
                      HeadDevice.AtEnds.NONE,
                      List.of(9),
                      1024,
                      List.of("--backend-sampling", "--swa-full"),
                      8080))
              .stream()
              .filter(argument -> argument.startsWith("-"))
              .toList();
      assertThat(options)
          .isNotEmpty()
          .allSatisfy(option -> assertThat(text).containsPattern("[ ,\\n]" + option + "[ ,\\n]"));
    }
  }
}
