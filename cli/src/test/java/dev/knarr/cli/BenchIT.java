// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.knarr.testkit.peers.LlamaCppTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code knarr bench} as a user starts it, with real workers and a real llama-bench. */
class BenchIT {
  private static final String MODEL = "docs/examples/models/knarr-demo-q4_0.gguf";
  private static final Duration LIMIT = Duration.ofMinutes(3);

  @TempDir private Path folder;

  private static void assertSeries(JsonNode series, int rounds) {
    assertThat(series.path("values")).hasSize(rounds);
    assertThat(series.path("values"))
        .allSatisfy(value -> assertThat(value.asDouble()).isPositive());
    assertThat(series.path("median").asDouble())
        .isBetween(series.path("q1").asDouble(), series.path("q3").asDouble());
  }

  @Test
  void whenStockAndKnarrAreCompared_thenAllFiguresAreThereAndNothingIsLeft() throws IOException {
    var json = folder.resolve("result.json");
    try (var knarr =
        KnarrProcess.start(
            "bench",
            "--model",
            MODEL,
            "--compare",
            "stock,knarr",
            "--rounds",
            "2",
            "--repeat",
            "1",
            "--prompt",
            "32",
            "--generate",
            "8",
            "--upload",
            "1Mi",
            "--json",
            json.toString())) {
      assertThat(knarr.awaitExit(LIMIT)).as(knarr.output()).isZero();
      knarr.awaitNothingLeft();

      assertThat(knarr.output())
          .contains("| pp32 | stock | ")
          .contains("| tg8 | knarr | ")
          .contains("### SET_TENSOR, messages of 1.0 MiB");
    }

    var report = JsonMapper.builder().build().readTree(Files.readString(json));
    var endpoints = report.at("/models/0/endpoints");
    assertThat(endpoints.findValuesAsText("name"))
        .containsExactly("stock", "pp32", "tg8", "knarr", "pp32", "tg8");
    for (var endpoint : endpoints) {
      assertSeries(endpoint.path("loadSeconds"), 2);
      for (var test : endpoint.path("tests")) {
        assertSeries(test.path("tokensPerSecond"), 2);
        assertSeries(test.path("ratio"), 2);
        assertThat(test.path("cpuSecondsPerToken")).hasSize(1);
      }
      // A prompt in one batch and a token each end in one question: the logits.
      assertThat(endpoint.at("/tests/0/roundTripsPerToken").asDouble()).isEqualTo(1 / 32.0);
      assertThat(endpoint.at("/tests/1/roundTripsPerToken").asDouble()).isEqualTo(1);
      // At least the logits of 2048 tokens.
      assertThat(endpoint.at("/tests/1/bytesPerToken").asDouble()).isGreaterThan(4 * 2048);
    }
    for (var test : List.of("/tests/0", "/tests/1")) {
      assertThat(endpoints.get(1).at(test + "/bytesPerToken").asDouble())
          .as("bytes per token do not depend on the worker")
          .isEqualTo(endpoints.get(0).at(test + "/bytesPerToken").asDouble());
    }
    assertSeries(report.at("/upload/endpoints/0/bytesPerSecond"), 2);
    assertSeries(report.at("/upload/endpoints/1/ratio"), 2);
  }

  @Test
  void whenItIsStopped_thenWhatThereIsIsShownAndNothingIsLeft() {
    try (var knarr =
        KnarrProcess.start(
            "bench",
            "--model",
            MODEL,
            "--compare",
            "local,knarr=relay knarr",
            "--rounds",
            "500",
            "--repeat",
            "1",
            "--prompt",
            "32",
            "--generate",
            "8")) {
      knarr.awaitOutput("round 2 of 500, knarr");
      knarr.terminate();

      assertThat(knarr.awaitExit(LIMIT)).isEqualTo(143);
      knarr.awaitNothingLeft();
      assertThat(knarr.output())
          .contains("| pp32 | local | ")
          .contains("| tg8 | knarr | ")
          .doesNotContain("fault in Knarr")
          .doesNotContain("exit code");
    }
  }

  @Test
  void whenItIsStoppedWhileAModelIsMade_thenNoHalfModelIsLeft() throws IOException {
    Files.createSymbolicLink(folder.resolve("llama.cpp"), LlamaCppTree.directory());
    try (var knarr =
        KnarrProcess.start(
            Map.of("KNARR_CACHE", folder.toString()),
            "bench",
            "--synthetic",
            "llama-160m",
            "--compare",
            "local")) {
      knarr.awaitOutput("with llama-quantize");
      knarr.terminate();

      assertThat(knarr.awaitExit(LIMIT)).isEqualTo(143);
      knarr.awaitNothingLeft();
    }
    assertThat(folder.resolve("synthetic")).isEmptyDirectory();
  }

  @Test
  void whenAWorkerDoesNotAnswer_thenASentenceSaysWhich() {
    try (var knarr =
        KnarrProcess.start(
            "bench",
            "--model",
            MODEL,
            "--compare",
            "local",
            "--endpoint",
            "far=127.0.0.1:" + LlamaCppTree.freePort())) {
      assertThat(knarr.awaitExit(LIMIT)).isEqualTo(1);
      assertThat(knarr.output()).contains("Worker far at 127.0.0.1:").contains("--endpoint");
    }
  }

  @Test
  void whenTheCommandLineIsWrong_thenASentenceSaysWhere() {
    for (var wrong :
        List.of(
            List.of("--model", MODEL, "--endpoint", "knarr --treads 2"),
            List.of("--model", MODEL, "--compare", "stock,stok"),
            List.of("--model", MODEL, "--compare", "stock,stock"),
            List.of("--model", "nowhere.gguf"),
            List.of("--model", MODEL, "--", "-p", "16"),
            List.of(MODEL))) {
      var arguments = new ArrayList<>(List.of("bench"));
      arguments.addAll(wrong);
      try (var knarr = KnarrProcess.start(arguments.toArray(String[]::new))) {
        assertThat(knarr.awaitExit(LIMIT)).as("%s: %s", wrong, knarr.output()).isEqualTo(2);
      }
    }
  }
}
