// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.gguf.GgufFile;
import dev.knarr.head.HeadMetrics;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import dev.knarr.plan.ContextOptions;
import dev.knarr.plan.DeviceCapacity;
import dev.knarr.plan.MemoryEstimate;
import dev.knarr.plan.SplitPlan;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The parts of the supervisor that need no peers. */
class SupervisionPartsTest {

  @Nested
  class GivenTheOutputOfACrash {

    @Test
    void whenItIsQuoted_thenTheErrorsAreThereWithoutTheirPrefix() {
      OutputTail tail = new OutputTail();
      tail.add("0.00.035.091 I srv  llama_server: initializing ...");
      tail.add("./src/ggml-rpc.cpp:685: Remote RPC server crashed or returned malformed response");
      tail.add("0.00.860.713 E send failed (bytes_sent=0, size_to_send=8)");

      assertThat(tail.quote())
          .isEqualTo(
              "\"./src/ggml-rpc.cpp:685: Remote RPC server crashed or returned malformed response"
                  + " / send failed (bytes_sent=0, size_to_send=8)\"");
    }

    @Test
    void whenNothingLooksLikeAnError_thenTheLastLinesAreQuoted() {
      OutputTail tail = new OutputTail();
      for (int i = 0; i < 1000; i++) {
        tail.add("line " + i);
      }

      assertThat(tail.lines()).hasSize(200);
      assertThat(tail.quote()).isEqualTo("\"line 997 / line 998 / line 999\"");
      assertThat(new OutputTail().quote()).isEqualTo("nothing");
    }
  }

  @Nested
  class GivenMetricsOfLlamaServer {

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final LlamaServerMetrics metrics = new LlamaServerMetrics(registry);

    private static String page(double generated, double seconds) {
      return """
      # HELP llamacpp:tokens_predicted_total Number of generation tokens processed
      # TYPE llamacpp:tokens_predicted_total counter
      llamacpp:tokens_predicted_total %s
      llamacpp:tokens_predicted_seconds_total %s
      llamacpp:requests_processing 2
      """
          .formatted(generated, seconds);
    }

    private double generated() {
      return registry.get(HeadMetrics.TOKENS).tag("direction", "generated").counter().count();
    }

    @Test
    void whenItStartsAgain_thenOurTotalsGoOn() {
      metrics.accept(page(100, 2));
      metrics.accept(page(120, 2.5));
      metrics.restarted();
      metrics.accept(page(7, 0.1));

      assertThat(generated()).isEqualTo(127);
    }

    @Test
    void whenItIsIdle_thenTheRateIsZeroAndTheLastOneIsKept() {
      metrics.accept(page(100, 2));
      metrics.accept(page(120, 2.5));
      metrics.accept(page(120, 2.5));

      var rate = registry.get(HeadMetrics.TOKEN_RATE).tag("direction", "generated").gauge();
      assertThat(rate.value()).isZero();
      assertThat(metrics.rates().generation()).isEqualTo(40);
      assertThat(registry.get(HeadMetrics.REQUESTS).tag("state", "processing").gauge().value())
          .isEqualTo(2);
    }
  }

  @Nested
  class GivenFailures {

    private final MovableClock clock = new MovableClock();

    @Test
    void whenTheyComeQuickly_thenThePausesGrowAndTheThirdIsTheLast() {
      RestartBudget budget = new RestartBudget(clock);

      assertThat(budget.failed()).contains(Duration.ofSeconds(1));
      assertThat(budget.failed()).contains(Duration.ofSeconds(2));
      assertThat(budget.failed()).isEmpty();
    }

    @Test
    void whenTheyAreFarApart_thenEachIsTheFirst() {
      RestartBudget budget = new RestartBudget(clock);
      for (int i = 0; i < 5; i++) {
        assertThat(budget.failed()).contains(Duration.ofSeconds(1));
        clock.now = clock.now.plus(RestartBudget.WINDOW).plusSeconds(1);
      }
    }
  }

  @Nested
  class GivenAProgramByName {

    @TempDir Path folder;

    @Test
    void whenItIsOnThePath_thenTheFirstThatCanBeExecutedIsFound() throws IOException {
      Path first = Files.createDirectories(folder.resolve("first"));
      Path second = Files.createDirectories(folder.resolve("second"));
      Files.writeString(first.resolve("knarr-test-server"), "no program");
      Path program = Files.writeString(second.resolve("knarr-test-server"), "#!/bin/sh\n");
      assertThat(program.toFile().setExecutable(true)).isTrue();

      Path found = new ProgramSearch(first + "::" + second).find(Path.of("knarr-test-server"));

      assertThat(found).isEqualTo(program);
    }

    @Test
    void whenItIsNowhere_thenAllPlacesAndTheRemedyAreNamed() {
      assertThatThrownBy(
              () -> new ProgramSearch(folder.toString()).find(Path.of("knarr-test-server")))
          .isInstanceOf(HeadException.class)
          .hasMessageContainingAll(
              "knarr-test-server", folder.toString(), "/app", "/usr/local/bin", "GGML_RPC=ON")
          .extracting(e -> ((HeadException) e).reason())
          .isEqualTo(HeadReason.HEAD_IMAGE_UNSUITABLE);
    }

    @Test
    void whenItIsAPath_thenNothingIsLookedFor() {
      assertThat(new ProgramSearch(null).find(Path.of("/x/llama-server")))
          .isEqualTo(Path.of("/x/llama-server"));
    }
  }

  @Nested
  class GivenAPlanOverTwoDevices {

    private final SplitPlan plan =
        SplitPlan.of(
            MemoryEstimate.of(GgufFile.open(RunningHead.MODEL), ContextOptions.DEFAULTS),
            List.of(
                new DeviceCapacity("cpu-0/0", "CPU", 1L << 33, 1L << 33),
                new DeviceCapacity("cpu-1/0", "CPU", 1L << 33, 1L << 33)));
    private final WeightLedger ledger = new WeightLedger();

    @Test
    void whenEveryLayerGoesWhereItShould_thenNothingIsReported() {
      ledger.begin(800, Map.of("cpu-0", 400L, "cpu-1", 400L));
      for (int layer = 0; layer < 8; layer++) {
        String worker = plan.deviceOf(layer).name().replace("/0", "");
        ledger.add(worker, 0, "blk." + layer + ".attn_q.weight", 50, layer == 0);
      }
      ledger.add("cpu-0", 0, "RPC0[127.0.0.1:1]#inp_embd#0", 1_000_000, false);

      assertThat(ledger.deviations(plan)).isEmpty();
      assertThat(ledger.percent()).isEqualTo(50);
      assertThat(ledger.loadPercent("cpu-0")).isEqualTo(50);
      assertThat(ledger.cachedPercent("cpu-0")).isEqualTo(25);
      assertThat(ledger.cachedPercent("cpu-1")).isEqualTo(0);
    }

    @Test
    void whenTheLoadIsOver_thenOnlyWhatWasThereAlreadyIsTold() {
      assertThat(ledger.cachedPercent("cpu-0")).isNull();
      ledger.begin(800, Map.of("cpu-0", 400L));
      ledger.add("cpu-0", 0, "blk.0.attn_q.weight", 100, true);
      ledger.end();

      assertThat(ledger.loadPercent("cpu-0")).isNull();
      assertThat(ledger.cachedPercent("cpu-0")).isEqualTo(100);
    }

    @Test
    void whenALayerIsElsewhere_thenItIsNamedWithItsDevice() {
      ledger.begin(800, Map.of("cpu-0", 400L, "cpu-1", 400L));
      for (int layer = 0; layer < 8; layer++) {
        ledger.add("cpu-0", 0, "blk." + layer + ".attn_q.weight", 100, false);
      }

      assertThat(ledger.deviations(plan))
          .singleElement()
          .asString()
          .contains("cpu-1/0", "[4, 5, 6, 7]");
    }
  }

  @Nested
  class GivenAProgramThatDoesNotEnd {

    @TempDir Path folder;

    @Test
    void whenAWorkerIsLostMeanwhile_thenItsEndIsNotWaitedFor() throws IOException {
      Path program =
          Files.writeString(folder.resolve("llama-server"), "#!/bin/sh\nexec sleep 90\n");
      assertThat(program.toFile().setExecutable(true)).isTrue();

      assertThatThrownBy(() -> LlamaServerProof.prove(program, List.of(), 1, () -> true))
          .isInstanceOf(HeadException.class)
          .hasMessageContaining("did not end");
    }
  }

  @Nested
  class GivenAHeadThatGaveUp {

    private final MovableClock clock = new MovableClock();
    private final RetryPause pause = new RetryPause(clock);

    @Test
    void whenItFailsAgainAndAgain_thenItWaitsLongerUpToALimit() {
      for (int seconds : List.of(5, 10, 20, 40, 80, 160, 300, 300)) {
        assertThat(failedAfter(Duration.ofSeconds(1))).isEqualTo(Duration.ofSeconds(seconds));
      }
    }

    @Test
    void whenItHasServedInBetween_thenItBeginsAnew() {
      failedAfter(Duration.ofSeconds(1));
      failedAfter(Duration.ofSeconds(1));

      assertThat(failedAfter(RetryPause.SERVED)).isEqualTo(RetryPause.FIRST);
    }

    @Test
    void whenAWorkerComesAndGoes_thenTheFirstTimeIsForgivenAndThenItHasToStay() {
      RetryPause comings = RetryPause.ofWorkers(clock);

      assertThat(Stream.generate(comings::failed).limit(5).map(Duration::toSeconds))
          .containsExactly(0L, 1L, 2L, 4L, 8L);
      clock.now = clock.now.plus(RetryPause.SERVED.multipliedBy(2));
      assertThat(comings.failed()).isZero();
    }

    private Duration failedAfter(Duration attempt) {
      clock.now = clock.now.plus(attempt);
      Duration paused = pause.failed();
      clock.now = clock.now.plus(paused);
      return paused;
    }
  }

  /** A clock that stands still until it is moved. */
  private static final class MovableClock extends Clock {
    Instant now = Instant.EPOCH;

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }

    @Override
    public Instant instant() {
      return now;
    }
  }
}
