// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.knarr.cli.bench.EndpointSpec.Way;
import dev.knarr.rpc.transport.Transport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class ResultsTest {
  private static final Path MODEL = Path.of("folder", "model.gguf");
  private static final Endpoint SLOW = endpoint("slow");
  private static final Endpoint FAST = endpoint("fast");
  private static final Endpoint LOCAL =
      new Endpoint("local", List.of(), List.of(), Way.DIRECT, Transport.PLAIN, Entrance.NONE);

  private final Results results = new Results(List.of(SLOW, FAST, LOCAL));

  private static Endpoint endpoint(String name) {
    return new Endpoint(
        name,
        List.of(new Endpoint.Worker("h:1", CpuClock.UNKNOWN, List.of())),
        List.of(1),
        Way.DIRECT,
        Transport.PLAIN,
        Entrance.NONE);
  }

  private static LlamaBench.Run run(double rate, double load, OptionalDouble cpu) {
    return new LlamaBench.Run(
        new LlamaBenchResult(
            "llama 7B", 4096, 1000, List.of(new LlamaBenchResult.Test("tg10", 10, 2, rate))),
        OptionalDouble.of(load),
        Map.of("tg10", List.of(cpu)));
  }

  private Report report() {
    return new Report(
        "2026-01-01T00:00Z",
        "0.7.0",
        new Report.Machine("a processor", 2, "Linux"),
        new Report.Settings(3, 2, 1, List.of()),
        results.models(),
        results.upload(OptionalLong.of(1 << 20)));
  }

  @Test
  void whenNothingWasMeasured_thenThereIsNothingToShow() {
    assertThat(report().isEmpty()).isTrue();
  }

  @Nested
  class GivenRoundsOfWhichTheLastWasCutOff {
    GivenRoundsOfWhichTheLastWasCutOff() {
      double[] slow = {100, 50, 200};
      for (int round = 1; round <= 3; round++) {
        results.add(MODEL, SLOW, round, run(slow[round - 1], 2, OptionalDouble.of(1)));
      }
      results.add(MODEL, FAST, 1, run(150, 1, OptionalDouble.of(0.25)));
      results.add(MODEL, FAST, 2, run(100, 1, OptionalDouble.of(0.75)));
      results.add(MODEL, LOCAL, 1, run(300, 1, OptionalDouble.empty()));
      results.add(MODEL, FAST, "tg10", new Traffic(1234.5, 1));
      results.addUpload(SLOW, 1, 1e9);
      results.addUpload(FAST, 1, 2.5e9);
    }

    @Test
    void whenAReportIsMade_thenRatiosAreTakenRoundByRound() {
      var endpoints = report().models().getFirst().endpoints();

      assertThat(endpoints.get(0).tests().getFirst().ratio().values())
          .containsExactly(1.0, 1.0, 1.0);
      assertThat(endpoints.get(1).tests().getFirst().ratio().values()).containsExactly(1.5, 2.0);
      assertThat(endpoints.get(1).tests().getFirst().tokensPerSecond().median()).isEqualTo(125);
    }

    @Test
    void whenAReportIsMade_thenProcessorTimeIsThatOfAllTokensOfAllRounds() {
      var endpoints = report().models().getFirst().endpoints();

      assertThat(endpoints.get(0).tests().getFirst().cpuSecondsPerToken()).containsExactly(0.05);
      assertThat(endpoints.get(1).tests().getFirst().cpuSecondsPerToken()).containsExactly(0.025);
      assertThat(endpoints.get(2).tests().getFirst().cpuSecondsPerToken()).isNull();
    }

    @Test
    void whenItIsShownToPeople_thenEachSideHasARowAndWhatIsUnknownADash() {
      assertThat(report().toMarkdown())
          .contains("### model.gguf")
          .contains("| tg10 | slow | 100 (75.0 to 150) | 1.00 (1.00 to 1.00) | 50.0 | – | – |")
          .contains(
              "| tg10 | fast | 125 (113 to 138) | 1.75 (1.63 to 1.88) | 25.0 | 1,235 | 1.00 |")
          .contains("| tg10 | local | 300 (300 to 300) | 3.00 (3.00 to 3.00) | – | – | – |")
          .contains("| slow | 2.00 (2.00 to 2.00) |")
          .contains("### SET_TENSOR, messages of 1.0 MiB")
          .contains("| fast | 2.50 (2.50 to 2.50) | 2.50 (2.50 to 2.50) |");
    }

    @Test
    void whenItIsWrittenAsJson_thenEachRoundIsThere() throws IOException {
      var json = JsonMapper.builder().build().readTree(report().toJson());

      var endpoints = json.at("/models/0/endpoints");
      assertThat(endpoints.at("/0/tests/0/tokensPerSecond/values").toString())
          .isEqualTo("[100.0,50.0,200.0]");
      assertThat(endpoints.at("/1/tests/0/bytesPerToken").asDouble()).isEqualTo(1234.5);
      assertThat(endpoints.at("/2/tests/0").has("cpuSecondsPerToken")).isFalse();
      assertThat(json.at("/upload/endpoints/1/bytesPerSecond/median").asDouble()).isEqualTo(2.5e9);
    }
  }
}
