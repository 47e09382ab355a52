// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.plan.ByteSize;
import dev.knarr.testkit.peers.DemoModel;
import dev.knarr.testkit.peers.DemoModel.Prompt;
import dev.knarr.testkit.peers.StockLlamaServer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Stock llama-server answers over this worker what it answers by itself. */
class AnswersIT {
  /** As the head starts it: everything on the workers, nothing kept aside. */
  private static final List<String> ARGUMENTS =
      List.of(
          "-c",
          "2048",
          "-np",
          "1",
          "-ngl",
          "all",
          "--fit",
          "off",
          "--cache-ram",
          "0",
          "--ctx-checkpoints",
          "0",
          "--no-warmup",
          "-tb",
          "1");

  private static StockLlamaServer serve(Path model, String rpc, String... more) {
    return StockLlamaServer.start(
        model,
        Stream.of(Stream.of("--rpc", rpc), ARGUMENTS.stream(), Stream.of(more))
            .flatMap(arguments -> arguments)
            .toList());
  }

  private static void requireRecordedAnswers(StockLlamaServer server, String type) {
    var softly = new SoftAssertions();
    for (var prompt : DemoModel.surePrompts()) {
      softly
          .assertThat(DemoModel.ask(server, prompt))
          .as("prompt %d over %s", prompt.id(), type)
          .isEqualTo(prompt.answer(type));
    }
    softly.assertAll();
  }

  /** The server waits, so no graph is in use. */
  private static void requireWithin(RunningWorker worker, long nativeBytes) {
    double ids = worker.gauge(WorkerMetrics.GRAPHS_STORED);
    assertThat(ids).as("ids").isBetween(10.0, 1024.0);
    assertThat(worker.gauge(WorkerMetrics.GRAPHS_ARCHIVED)).as("different graphs").isLessThan(ids);
    assertThat(worker.gauge(WorkerMetrics.ARCHIVE_MEMORY)).isLessThan(4 << 20);
    assertThat(worker.gauge(WorkerMetrics.GRAPHS_MEMORY)).isLessThanOrEqualTo((double) nativeBytes);
  }

  private static void requireComputed(RunningWorker worker, String device) {
    assertThat(worker.count(WorkerMetrics.GRAPHS_COMPUTED, "device", device))
        .as("graphs computed on " + device)
        .isPositive();
    assertThat(worker.count(WorkerMetrics.REJECTED)).as("requests refused").isZero();
  }

  @Nested
  class GivenOneWorker {
    @Test
    void whenAskedAllSurePrompts_thenTheAnswersAreTheRecordedOnes() {
      try (var worker = RunningWorker.with("CPU");
          var server = serve(DemoModel.file("q8_0"), worker.endpoint())) {
        requireRecordedAnswers(server, "q8_0");

        requireComputed(worker, "CPU");
        assertThat(worker.count(WorkerMetrics.GRAPHS_RECOMPUTED))
            .isGreaterThan(worker.count(WorkerMetrics.GRAPHS_COMPUTED));
      }
    }

    @Test
    void whenTwoClientsAskAtOnce_thenBothGetTheRecordedAnswers() throws Exception {
      try (var worker = RunningWorker.with("CPU");
          var one = serve(DemoModel.file("q8_0"), worker.endpoint());
          var other = serve(DemoModel.file("q4_0"), worker.endpoint())) {
        var failures = new ArrayList<Throwable>();
        var asking =
            Thread.ofPlatform()
                .uncaughtExceptionHandler((_, failure) -> failures.add(failure))
                .start(() -> requireRecordedAnswers(one, "q8_0"));
        requireRecordedAnswers(other, "q4_0");
        asking.join();

        assertThat(failures).isEmpty();
        requireComputed(worker, "CPU");
      }
    }

    /** {@code nativeMemory}: room for all graphs, for a few, for none but the one at work. */
    @ParameterizedTest
    @ValueSource(strings = {"16Mi", "1Mi", "1"})
    void whenADraftModelSpeculates_thenTheTextIsTheSameAndGraphsStayWithinTheirBudget(
        String nativeMemory) {
      var config = TestConfig.withDevices("CPU").withGraphMemory("4Mi", nativeMemory);
      try (var worker = RunningWorker.configured(config);
          var server =
              serve(
                  DemoModel.file("q8_0"),
                  worker.endpoint(),
                  "-md",
                  DemoModel.file("draft-q8_0").toString(),
                  "-ngld",
                  "all",
                  "--spec-type",
                  "draft-simple")) {
        requireRecordedAnswers(server, "q8_0");

        requireComputed(worker, "CPU");
        assertThat(server.output()).as("the server's log").contains("draft acceptance");
        requireWithin(worker, ByteSize.parse(nativeMemory));
      }
    }

    @ParameterizedTest
    @ValueSource(strings = {"F16", "Q4_0", "Q4_K_M", "Q6_K", "IQ4_NL"})
    void whenTheModelIsQuantizedOtherwise_thenItAnswersTheFirstQuestion(String type)
        throws Exception {
      Prompt first = DemoModel.surePrompts().getFirst();
      try (var worker = RunningWorker.with("CPU");
          var server = serve(DemoModel.quantized(type), worker.endpoint())) {
        assertThat(DemoModel.ask(server, first)).contains(first.expect());

        requireComputed(worker, "CPU");
      }
    }
  }

  @Nested
  class GivenTwoWorkers {
    @Test
    void whenAskedAllSurePrompts_thenTheAnswersAreTheRecordedOnes() {
      try (var one = RunningWorker.with("CPU");
          var other = RunningWorker.with("CPU");
          var server =
              serve(
                  DemoModel.file("q4_0"),
                  one.endpoint() + "," + other.endpoint(),
                  "--tensor-split",
                  "4,5")) {
        requireRecordedAnswers(server, "q4_0");

        requireComputed(one, "CPU");
        requireComputed(other, "CPU");
      }
    }
  }

  @Nested
  class GivenOneWorkerWithTwoKindsOfDevices {
    /** Another device rounds otherwise: compared is what is right about an answer. */
    @Test
    void whenAskedAllSurePrompts_thenTheAnswersAreRight() {
      try (var worker = RunningWorker.with("CPU", "Vulkan0");
          var server = serve(DemoModel.file("q8_0"), worker.endpoint(), "--tensor-split", "4,5")) {
        var softly = new SoftAssertions();
        for (var prompt : DemoModel.surePrompts()) {
          if (prompt.isRight("q8_0")) {
            softly
                .assertThat(DemoModel.ask(server, prompt))
                .as("prompt " + prompt.id())
                .containsIgnoringCase(prompt.expect());
          }
        }
        softly.assertAll();

        requireComputed(worker, "CPU");
        requireComputed(worker, "Vulkan0");
      }
    }
  }
}
