// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.gguf.GgufFile;
import dev.knarr.head.HeadMetrics;
import dev.knarr.plan.ContextOptions;
import dev.knarr.plan.DeviceCapacity;
import dev.knarr.plan.MemoryEstimate;
import dev.knarr.plan.SplitPlan;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

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
      ledger.begin(800);
      for (int layer = 0; layer < 8; layer++) {
        ledger.add(plan.deviceOf(layer).name(), "blk." + layer + ".attn_q.weight", 50);
      }
      ledger.add("cpu-0/0", "RPC0[127.0.0.1:1]#inp_embd#0", 1_000_000);

      assertThat(ledger.deviations(plan)).isEmpty();
      assertThat(ledger.percent()).isEqualTo(50);
    }

    @Test
    void whenALayerIsElsewhere_thenItIsNamedWithItsDevice() {
      ledger.begin(800);
      for (int layer = 0; layer < 8; layer++) {
        ledger.add("cpu-0/0", "blk." + layer + ".attn_q.weight", 100);
      }

      assertThat(ledger.deviations(plan))
          .singleElement()
          .asString()
          .contains("cpu-1/0", "[4, 5, 6, 7]");
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
