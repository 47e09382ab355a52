// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.testkit.peers.StockLlamaServer;
import dev.knarr.worker.DemoModel.Question;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Stock llama-server over these workers gives the answers it gave without them. */
class AnswersIT {
  private static final Path Q4_0 = DemoModel.file("knarr-demo-q4_0.gguf");
  private static final Path Q8_0 = DemoModel.file("knarr-demo-q8_0.gguf");
  private static final Path DRAFT = DemoModel.file("knarr-demo-draft-q8_0.gguf");
  private static final List<Question> QUESTIONS = DemoModel.sureQuestions();

  @Test
  void whenOneWorkerHoldsTheModel_thenEverySureAnswerIsStocks() {
    try (var worker = RunningWorker.with("CPU");
        var server = serve(Q8_0, worker.endpoint(), "RPC0")) {
      answersAreStocks(server, QUESTIONS);

      assertThat(worker.count(WorkerMetrics.GRAPHS_RECOMPUTED)).isPositive();
    }
  }

  @Test
  void whenTwoWorkersShareTheModel_thenEverySureAnswerIsStocks() {
    try (var first = RunningWorker.with("CPU");
        var second = RunningWorker.with("CPU");
        var server = serve(Q4_0, first.endpoint() + "," + second.endpoint(), "RPC0,RPC1")) {
      answersAreStocks(server, QUESTIONS);

      assertThat(first.count(WorkerMetrics.GRAPHS_RECOMPUTED)).isPositive();
      assertThat(second.count(WorkerMetrics.GRAPHS_RECOMPUTED)).isPositive();
    }
  }

  /** Vulkan rounds differently, so what counts is what is right about an answer. */
  @Test
  void whenTwoKindsOfDeviceShareTheModel_thenEverySureAnswerIsRight() {
    try (var worker = RunningWorker.with("CPU", "Vulkan0");
        var server = serve(Q4_0, worker.endpoint(), "RPC0,RPC1", "--tensor-split", "5,4")) {
      var soft = new SoftAssertions();
      for (var question : QUESTIONS) {
        soft.assertThat(question.ask(server)).contains(question.expected());
      }
      soft.assertAll();

      assertThat(worker.count(WorkerMetrics.GRAPHS_RECOMPUTED, "device", "CPU")).isPositive();
      assertThat(worker.count(WorkerMetrics.GRAPHS_RECOMPUTED, "device", "Vulkan0")).isPositive();
    }
  }

  @Test
  void whenTwoClientsShareAWorker_thenEachGetsItsOwnAnswers() {
    var half = QUESTIONS.subList(0, QUESTIONS.size() / 2);
    try (var worker = RunningWorker.with("CPU");
        var one = serve(Q4_0, worker.endpoint(), "RPC0");
        var other = serve(Q8_0, worker.endpoint(), "RPC0")) {
      var asked =
          Stream.of(one, other)
              .map(server -> CompletableFuture.runAsync(() -> answersAreStocks(server, half)))
              .toList();

      asked.forEach(answers -> answers.orTimeout(3, TimeUnit.MINUTES).join());

      assertThat(worker.gauge(WorkerMetrics.CONNECTIONS)).isEqualTo(2);
    }
  }

  @Test
  void whenADraftModelGuessesAhead_thenTheAnswersAreStocks() {
    try (var worker = RunningWorker.with("CPU");
        var server =
            serve(
                Q8_0,
                worker.endpoint(),
                "RPC0",
                "--model-draft",
                DRAFT.toString(),
                "--spec-type",
                "draft-simple",
                "--spec-draft-n-max",
                "4",
                "-ngld",
                "99",
                "--device-draft",
                "RPC0")) {
      answersAreStocks(server, QUESTIONS.subList(0, 20));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"F16", "Q6_K", "Q4_K_M", "IQ4_NL", "Q5_K_M", "Q3_K_M"})
  void whenTheModelIsQuantisedOtherwise_thenItAnswers(String type, @TempDir Path folder)
      throws Exception {
    Path model = folder.resolve(type + ".gguf");
    var made =
        StockProgram.run(
            Duration.ofMinutes(1),
            "llama-quantize",
            "--allow-requantize",
            Q8_0.toString(),
            model.toString(),
            type,
            "1");
    assertThat(made.exitCode()).as(made.tail()).isZero();
    assertThat(Files.size(model)).isPositive();

    try (var worker = RunningWorker.with("CPU");
        var server = serve(model, worker.endpoint(), "RPC0")) {
      assertThat(QUESTIONS.getFirst().ask(server)).contains(QUESTIONS.getFirst().expected());
    }
  }

  private static StockLlamaServer serve(
      Path model, String workers, String devices, String... more) {
    var arguments =
        new ArrayList<>(
            List.of("--rpc", workers, "--device", devices, "-ngl", "99", "--fit", "off"));
    arguments.addAll(List.of("-c", "1024", "-np", "1", "--cache-ram", "0", "--no-warmup"));
    arguments.addAll(List.of(more));
    return StockLlamaServer.start(model, arguments);
  }

  private static void answersAreStocks(StockLlamaServer server, List<Question> questions) {
    var soft = new SoftAssertions();
    for (var question : questions) {
      soft.assertThat(question.ask(server)).isEqualTo(question.answer());
    }
    soft.assertAll();
  }
}
