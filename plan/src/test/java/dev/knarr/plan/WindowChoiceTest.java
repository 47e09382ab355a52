// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.gguf.DemoModels;
import dev.knarr.gguf.GgufFile;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WindowChoiceTest {
  private static final long GIB = 1L << 30;

  @TempDir Path folder = Path.of("");

  /** Six layers, five with a window of 512; each keeps 2 × 2 × 64 bytes for a token. */
  private MemoryEstimate gemma(int rows, int context, int sequences) {
    var file =
        Models.layered(
            folder.resolve(rows + ".gguf"),
            "gemma3",
            6,
            rows,
            4,
            b ->
                b.keyU32("gemma3.attention.head_count", 4)
                    .keyU32("gemma3.attention.head_count_kv", 1)
                    .keyU32("gemma3.attention.key_length", 64)
                    .keyU32("gemma3.attention.sliding_window", 512),
            _ -> "attn_k");
    return MemoryEstimate.of(
        file, ContextOptions.DEFAULTS.withContextLength(context).withParallelSequences(sequences));
  }

  private static WindowChoice.Planned plan(
      MemoryEstimate estimate, long freeBytes, Optional<Boolean> wanted) {
    var device = new DeviceCapacity("a-0/0", "", freeBytes, freeBytes);
    return WindowChoice.plan(estimate, wanted, e -> SplitPlan.of(e, List.of(device)));
  }

  @Nested
  class GivenAModelWithASlidingWindow {

    @Test
    void whenTheWholeContextIsCheap_thenItIsKept() {
      // 65 536 rows × 256 × 2 B = 32 MiB in each layer; 5 × 3072 cells × 256 B more = 3.75 MiB.
      var planned = plan(gemma(65_536, 4096, 2), 4 * GIB, Optional.empty());

      var choice = planned.choice().orElseThrow();
      assertThat(choice.whole()).isTrue();
      assertThat(choice.extraBytes()).isEqualTo(2 * 5 * 3072 * 256L);
      assertThat(choice.reason()).contains("7.5 MiB more").contains("up to 2 % slower");
      assertThat(planned.estimate().kvBytes()).isEqualTo(2 * 6 * 4096 * 256L);
      assertThat(planned.estimate().wireShape(4096)).isEqualTo(new WireShape(256, 64, 4096, 4096));
    }

    @Test
    void whenTokensWouldBecomeSlow_thenOnlyTheWindowIsKept() {
      // 512 rows: 256 KiB in each layer, less than the cache.
      var planned = plan(gemma(512, 4096, 1), 4 * GIB, Optional.empty());

      var choice = planned.choice().orElseThrow();
      assertThat(choice.whole()).isFalse();
      assertThat(choice.reason()).contains("goes back more than 512 tokens is processed again");
      assertThat(planned.estimate().kvBytes()).isEqualTo((4096 + 5 * 1024) * 256L);
      assertThat(planned.estimate().wireShape(4096)).isEqualTo(new WireShape(256, 64, 4096, 1024));
    }

    @Test
    void whenItDoesNotFit_thenOnlyTheWindowIsKept() {
      var estimate = gemma(65_536, 4096, 2);
      long need =
          estimate.weightsBytes() + estimate.kvBytes() + estimate.computeBytes(true, true, 1);

      var planned = plan(estimate, need + 1000, Optional.empty());

      assertThat(planned.choice().orElseThrow().whole()).isFalse();
      assertThat(planned.choice().orElseThrow().reason()).contains(", and does not fit.");
      assertThat(planned.split().devices().getFirst().kvBytes()).isEqualTo(estimate.kvBytes());
    }

    @Test
    void whenTheUserWantsIt_thenItIsKeptAtAnyPrice() {
      var planned = plan(gemma(512, 4096, 1), 4 * GIB, Optional.of(true));

      assertThat(planned.choice().orElseThrow().whole()).isTrue();
      assertThat(planned.choice().orElseThrow().byUser()).isTrue();
      assertThat(planned.estimate().kvBytes()).isEqualTo(6 * 4096 * 256L);
    }

    @Test
    void whenTheUserDoesNotWantIt_thenItIsNotKept() {
      var planned = plan(gemma(65_536, 4096, 2), 4 * GIB, Optional.of(false));

      assertThat(planned.choice().orElseThrow().whole()).isFalse();
      assertThat(planned.choice().orElseThrow().byUser()).isTrue();
    }

    @Test
    void whenNothingFits_thenTheExceptionIsThatOfTheWindow() {
      assertThatThrownBy(() -> plan(gemma(65_536, 4096, 2), 1000, Optional.empty()))
          .isInstanceOf(ModelDoesNotFitException.class);
    }

    @Test
    void whenTheContextIsNoLongerThanTheWindow_thenThereIsNoChoice() {
      assertThat(plan(gemma(512, 512, 1), 4 * GIB, Optional.empty()).choice()).isEmpty();
    }
  }

  @Test
  void whenTheModelHasNone_thenThereIsNoChoice() {
    var demo =
        MemoryEstimate.of(
            GgufFile.open(DemoModels.path("knarr-demo-q8_0.gguf")), ContextOptions.DEFAULTS);

    var planned = plan(demo, 4 * GIB, Optional.of(true));

    assertThat(planned.choice()).isEmpty();
    assertThat(planned.estimate().wireShape(300)).isEqualTo(new WireShape(256, 2048, 512, 0));
  }
}
