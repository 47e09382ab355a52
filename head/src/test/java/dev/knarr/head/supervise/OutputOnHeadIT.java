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
import dev.knarr.head.api.HeadStatus.PlanStatus;
import dev.knarr.head.route.OurWorker;
import dev.knarr.head.route.OurWorkerProcess;
import dev.knarr.plan.OutputPlace;
import dev.knarr.testkit.peers.LlamaCppTree;
import dev.knarr.testkit.peers.SlowLink;
import dev.knarr.testkit.peers.StockWorker;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The output layer on the head's own processor, in a process beside llama-server. */
class OutputOnHeadIT {
  private static final String QUESTION = "What is Knarr?";

  /** Tokens of {@link RunningHead#ANSWER}, its end included. */
  private static final int TOKENS = 12;

  private static final double LOGITS_BYTES = 4 * 2048;
  private static final double ACTIVATION_BYTES = 4 * 256;

  @TempDir Path folder = Path.of("");
  private Optional<Path> launcher = Optional.empty();

  @BeforeEach
  void makeALauncher() throws IOException {
    launcher = Optional.of(OurWorkerProcess.launcher(folder));
  }

  private static HeadConfig with(OutputPlace output, String... addresses) {
    return RunningHead.splitting(
        config(List.of(addresses)),
        new HeadConfig.Split(HeadConfig.SplitMode.LAYER, List.of(), null, output));
  }

  private static HeadConfig onHead(String... addresses) {
    return with(OutputPlace.HEAD, addresses);
  }

  private static String at(OurWorker worker) {
    return "127.0.0.1:" + worker.port();
  }

  private static PlanStatus plan(HeadStatus status) {
    return Objects.requireNonNull(status.plan());
  }

  /** Bytes that came from a worker so far. */
  private static double from(RunningHead head, String worker) {
    return head.count(HeadMetrics.RPC_BYTES, "worker", worker, "direction", "response");
  }

  private static double chosen(RunningHead head, String mode) {
    return head.count(HeadMetrics.SAMPLING, "mode", mode);
  }

  private static List<ProcessHandle> workersBeside() {
    return ProcessHandle.current().children().filter(OutputOnHeadIT::isWorkerBeside).toList();
  }

  /** Not by its handle's information, which ends before a long class path does. */
  private static boolean isWorkerBeside(ProcessHandle child) {
    try {
      return Files.readString(Path.of("/proc/" + child.pid() + "/cmdline"))
          .contains(OurWorkerProcess.class.getName() + "\0--host");
    } catch (IOException _) {
      return false; // It has just ended.
    }
  }

  private static ProcessHandle workerBeside() {
    assertThat(workersBeside()).hasSize(1);
    return workersBeside().getFirst();
  }

  private static String post(HeadStatus status, String body)
      throws IOException, InterruptedException {
    try (HttpClient http = HttpClient.newHttpClient()) {
      return http.send(
              HttpRequest.newBuilder(URI.create(status.endpoint() + "/chat/completions"))
                  .POST(HttpRequest.BodyPublishers.ofString(body))
                  .build(),
              BodyHandlers.ofString())
          .body();
    }
  }

  @Nested
  class GivenTwoWorkersOfOurs {

    @Test
    void whenItIsWanted_thenNoRequestBringsLogitsOverTheNetwork()
        throws IOException, InterruptedException {
      ProcessHandle child;
      try (OurWorker first = OurWorker.with("CPU");
          OurWorker second = OurWorker.with("CPU")) {
        try (RunningHead head = new RunningHead(onHead(at(first), at(second)), launcher)) {
          HeadStatus ready = head.awaitPhase(HeadPhase.READY);
          child = workerBeside();
          PlanStatus plan = plan(ready);
          assertThat(plan.tensorSplit()).containsExactly(4, 4, 1);
          assertThat(plan.devices().getLast().name()).isEqualTo("head/cpu");
          assertThat(Objects.requireNonNull(plan.sampling()).mode()).isEqualTo("Head");
          assertThat(plan.sampling().reason()).startsWith("spec.split.output says so.");
          assertThat(plan.sampling().costs().getLast().headMicrosPerToken()).isPositive();
          assertThat(ready.warnings()).isEmpty();
          assertThat(ready.workers()).hasSize(2);

          assertThat(head.ask(QUESTION)).isEqualTo(ANSWER);
          head.ask(QUESTION);
          double network = network(head);
          double loopback = from(head, "head");
          assertThat(head.ask(QUESTION)).isEqualTo(ANSWER);

          assertThat(network(head) - network)
              .isBetween(TOKENS * ACTIVATION_BYTES, TOKENS * (ACTIVATION_BYTES + 100) + 2000);
          assertThat(from(head, "head") - loopback).isGreaterThanOrEqualTo(TOKENS * LOGITS_BYTES);

          network = network(head);
          assertThat(post(ready, asking("\"logprobs\":true,\"top_logprobs\":5")))
              .contains("\"top_logprobs\":[{");
          assertThat(
                  post(
                      ready,
                      asking(
                          "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":\"object\"}}}")))
              .contains("\"content\":\"{");
          assertThat(network(head) - network)
              .as("16 tokens")
              .isLessThan(16 * (ACTIVATION_BYTES + 100) + 4000);

          assertThat(chosen(head, "head")).isGreaterThanOrEqualTo(3 * TOKENS + 16);
          assertThat(chosen(head, "logits")).isZero();
          assertThat(chosen(head, "graph")).isZero();
          assertThat(head.gauge(HeadMetrics.WORKER_UP, "worker", "head")).isNull();
        }
        assertThat(child.isAlive()).isFalse();
      }
    }

    private static String asking(String more) {
      return """
          {"messages":[{"role":"user","content":"%s"}],"temperature":0,"max_tokens":8,%s}"""
          .formatted(QUESTION, more);
    }

    private static double network(RunningHead head) {
      return from(head, "cpu-0") + from(head, "cpu-1");
    }

    @Test
    void whenItIsKilled_thenItIsStartedAgainAndTheAnswerComes() {
      try (OurWorker first = OurWorker.with("CPU");
          OurWorker second = OurWorker.with("CPU");
          RunningHead head = new RunningHead(onHead(at(first), at(second)), launcher)) {
        head.awaitPhase(HeadPhase.READY);
        ProcessHandle child = workerBeside();
        CompletableFuture<String> answer = head.ask("Count from 1 to 100.", 600);
        await("the answer has begun").until(() -> chosen(head, "head") > 10);

        child.destroyForcibly();
        await("noticed").until(() -> head.status().phase() != HeadPhase.READY);
        HeadStatus ready = head.awaitPhase(HeadPhase.READY);

        assertThat(answer.join()).as("run again").endsWith("98, 99, 100.");
        assertThat(workerBeside()).isNotEqualTo(child);
        assertThat(head.count(HeadMetrics.RESTARTS, "reason", "WorkerLost")).isEqualTo(1);
        assertThat(plan(ready).tensorSplit()).containsExactly(4, 4, 1);
      }
      assertThat(workersBeside()).isEmpty();
    }

    @Test
    void whenAModelDrafts_thenTheAnswerIsTheSame() {
      try (OurWorker first = OurWorker.with("CPU");
          OurWorker second = OurWorker.with("CPU")) {
        HeadConfig plain = onHead(at(first), at(second));
        HeadConfig drafted = RunningHead.drafted(plain);
        try (RunningHead head = new RunningHead(drafted, launcher)) {
          HeadStatus ready = head.awaitPhase(HeadPhase.READY);

          assertThat(head.ask(QUESTION)).isEqualTo(ANSWER);
          assertThat(head.ask("Count from 1 to 100.")).endsWith("98, 99, 100.");
          assertThat(ready.warnings()).isEmpty();
          assertThat(chosen(head, "head")).isGreaterThanOrEqualTo(TOKENS);
        }
      }
    }

    @Test
    void whenItHangs_thenItIsNoticedAndReplaced() throws IOException, InterruptedException {
      try (OurWorker first = OurWorker.with("CPU");
          OurWorker second = OurWorker.with("CPU");
          RunningHead head = new RunningHead(onHead(at(first), at(second)), launcher)) {
        head.awaitPhase(HeadPhase.READY);
        ProcessHandle child = workerBeside();

        assertThat(new ProcessBuilder("kill", "-STOP", "" + child.pid()).start().waitFor())
            .isZero();
        await("noticed")
            .atMost(Duration.ofSeconds(30))
            .until(() -> head.count(HeadMetrics.RESTARTS, "reason", "WorkerLost") == 1);

        head.awaitPhase(HeadPhase.READY);
        assertThat(child.isAlive()).isFalse();
        assertThat(head.ask(QUESTION)).isEqualTo(ANSWER);
        assertThat(head.gauge(HeadMetrics.CONNECTIONS, "worker", "head")).isPositive();
      }
    }

    @Test
    void whenANetworkWorkerStaysAway_thenTheOtherServesWithTheOutputOnTheHead() {
      try (OurWorker first = OurWorker.with("CPU");
          RunningHead head =
              new RunningHead(
                  RunningHead.replanning(
                      onHead("127.0.0.1:" + LlamaCppTree.freePort(), at(first)), 1),
                  launcher)) {
        HeadStatus ready = head.awaitPhase(HeadPhase.READY);

        assertThat(ready.reason()).isEqualTo(HeadReason.REDUCED_PLAN);
        assertThat(plan(ready).tensorSplit()).containsExactly(8, 1);
        assertThat(head.ask(QUESTION)).isEqualTo(ANSWER);
        assertThat(chosen(head, "head")).isPositive();
      }
    }

    @Test
    void whenANetworkWorkerIsLost_thenTheOutputIsBackWithIt() {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start();
          RunningHead head = new RunningHead(onHead(first.address(), second.address()), launcher)) {
        head.awaitPhase(HeadPhase.READY);
        assertThat(head.ask(QUESTION)).isEqualTo(ANSWER);

        second.kill();
        head.awaitPhase(HeadPhase.WAITING_FOR_WORKERS);
        try (StockWorker again = StockWorker.start(second.port())) {
          head.awaitPhase(HeadPhase.READY);
          assertThat(head.ask(QUESTION)).isEqualTo(ANSWER);
          assertThat(workersBeside()).hasSize(1);
          assertThat(again.process().isAlive()).isTrue();
        }
      }
    }
  }

  @Nested
  class GivenAWorkerThatCannotBeStarted {

    @Test
    void whenItIsWanted_thenTheHeadSaysWhy() throws IOException {
      Files.writeString(launcher.orElseThrow(), "#!/bin/sh\necho no ggml here\nexit 3\n");
      try (StockWorker worker = StockWorker.start();
          RunningHead head = new RunningHead(onHead(worker.address()), launcher)) {
        HeadStatus failed = head.awaitPhase(HeadPhase.FAILED);

        assertThat(failed.reason()).isEqualTo(HeadReason.WORKER_UNSUITABLE);
        assertThat(failed.message())
            .contains("it ended with status 3 and printed \"no ggml here\"")
            .contains("set split.output to Layers");
      }
    }

    @Test
    void whenItIsThePlansChoice_thenTheOutputStaysWithTheLayers() throws IOException {
      Files.writeString(launcher.orElseThrow(), "#!/bin/sh\nexit 3\n");
      try (StockWorker worker = StockWorker.start();
          SlowLink link = SlowLink.far(worker.address(), Duration.ofMillis(5));
          RunningHead head = new RunningHead(with(OutputPlace.AUTO, link.address()), launcher)) {
        HeadStatus ready = head.awaitPhase(HeadPhase.READY);

        assertThat(plan(ready).tensorSplit()).containsExactly(9);
        assertThat(head.ask(QUESTION)).isEqualTo(ANSWER);
      }
    }
  }

  @Nested
  class GivenAFarStockWorker {

    @Test
    void whenNothingIsSaid_thenTheHeadTakesTheOutput() throws IOException {
      try (StockWorker worker = StockWorker.start();
          SlowLink link = SlowLink.far(worker.address(), Duration.ofMillis(5));
          RunningHead head = new RunningHead(with(OutputPlace.AUTO, link.address()), launcher)) {
        HeadStatus ready = head.awaitPhase(HeadPhase.READY);
        var sampling = Objects.requireNonNull(plan(ready).sampling());

        assertThat(plan(ready).tensorSplit()).containsExactly(8, 1);
        assertThat(sampling.mode()).isEqualTo("Head");
        assertThat(sampling.byUser()).isFalse();
        double before = from(head, "cpu-0");
        assertThat(head.ask(QUESTION)).isEqualTo(ANSWER);
        assertThat(from(head, "cpu-0") - before).isLessThan(13 * (ACTIVATION_BYTES + 200));
      }
    }
  }
}
