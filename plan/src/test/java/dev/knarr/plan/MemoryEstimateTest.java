// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.knarr.gguf.DemoModels;
import dev.knarr.gguf.GgufBytes;
import dev.knarr.gguf.GgufException;
import dev.knarr.gguf.GgufFile;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryEstimateTest {
  private static final long MIB = 1L << 20;

  @TempDir Path folder = Path.of("");

  @Nested
  class GivenTheDemoModel {
    private final GgufFile file = GgufFile.open(DemoModels.path("knarr-demo-q8_0.gguf"));

    @Test
    void whenNothingIsAsked_thenTheModelsContextIsUsed() {
      var estimate = MemoryEstimate.of(file, ContextOptions.DEFAULTS);

      assertThat(estimate.contextLength()).isEqualTo(1024);
      assertThat(estimate.kvBytes()).isEqualTo(4 * MIB); // as llama.cpp logs it
      assertThat(estimate.layers()).hasSize(8);
    }

    @Test
    void whenSeveralSequencesShare_thenEachIsRoundedUp() {
      var estimate =
          MemoryEstimate.of(
              file, ContextOptions.DEFAULTS.withContextLength(300).withParallelSequences(3));

      assertThat(estimate.cellsPerSequence()).isEqualTo(512);
      assertThat(estimate.kvBytes()).isEqualTo(6 * MIB);
    }

    @Test
    void whenTheCacheIsQuantised_thenBlocksAreCounted() {
      var estimate =
          MemoryEstimate.of(file, ContextOptions.DEFAULTS.withCacheTypes("q8_0", "q8_0"));

      assertThat(estimate.kvBytes()).isEqualTo(4 * MIB * 34 / 64);
    }

    @Test
    void whenSplitOrWhole_thenTheEstimateIsTheSame() {
      var split = GgufFile.open(DemoModels.path("split/knarr-demo-q8_0-00002-of-00003.gguf"));

      var ofSplit = MemoryEstimate.of(split, ContextOptions.DEFAULTS);

      assertThat(ofSplit.layers())
          .isEqualTo(MemoryEstimate.of(file, ContextOptions.DEFAULTS).layers());
    }
  }

  @Nested
  class GivenArchitecturesThatDifferByLayer {
    @Test
    void whenHeadsDifferByLayer_thenSoDoesTheCache() {
      var estimate =
          estimate(
              "deci",
              4,
              4,
              b ->
                  b.keyU32("deci.context_length", 256)
                      .keyU32("deci.attention.head_count", 4)
                      .keyArray("deci.attention.head_count_kv", 4, 0, 2, 1)
                      .keyU32("deci.attention.key_length", 64));

      assertThat(estimate.layers())
          .extracting(MemoryEstimate.LayerMemory::kvBytes)
          .containsExactly(2 * 2 * 256 * 256L, 0L, 2 * 2 * 256 * 128L, 2 * 2 * 256 * 64L);
    }

    @Test
    void whenTheModelHasASlidingWindow_thenOnlyWholeLayersGrow() {
      var estimate =
          estimate(
              "gemma3",
              6,
              4,
              b ->
                  b.keyU32("gemma3.context_length", 8192)
                      .keyU32("gemma3.attention.head_count", 1)
                      .keyU32("gemma3.attention.head_count_kv", 1)
                      .keyU32("gemma3.attention.sliding_window", 512));

      assertThat(estimate.layers().get(4).kvBytes()).isEqualTo(2 * 2 * 256 * 1024L);
      assertThat(estimate.layers().get(5).kvBytes()).isEqualTo(2 * 2 * 256 * 8192L);
    }

    @Test
    void whenTheArchitectureIsUnknown_thenAWindowIsNotTrusted() {
      var estimate =
          estimate(
              "newarch",
              2,
              3,
              b ->
                  b.keyU32("newarch.context_length", 8192)
                      .keyU32("newarch.attention.head_count", 1)
                      .keyU32("newarch.attention.sliding_window", 128));

      assertThat(estimate.layers())
          .allSatisfy(layer -> assertThat(layer.kvBytes()).isEqualTo(2 * 2 * 256 * 8192L));
    }

    @Test
    void whenAttentionIsLatent_thenOneRowIsKept() {
      var estimate =
          estimate(
              "deepseek2",
              1,
              6,
              b ->
                  b.keyU32("deepseek2.context_length", 256)
                      .keyU32("deepseek2.attention.head_count", 16)
                      .keyU32("deepseek2.attention.head_count_kv", 1)
                      .keyU32("deepseek2.attention.key_length", 576)
                      .keyU32("deepseek2.attention.key_length_mla", 192)
                      .keyU32("deepseek2.attention.value_length_mla", 128));

      assertThat(estimate.kvBytes()).isEqualTo(576 * 2 * 256L);
    }

    @Test
    void whenLayersAreRecurrent_thenTheirStateDoesNotGrowWithTheContext() {
      var estimate =
          estimate(
              "qwen3next",
              4,
              8,
              b ->
                  b.keyU32("qwen3next.context_length", 1024)
                      .keyU32("qwen3next.attention.head_count", 2)
                      .keyU32("qwen3next.attention.head_count_kv", 1)
                      .keyU32("qwen3next.attention.key_length", 128)
                      .keyU32("qwen3next.ssm.conv_kernel", 4)
                      .keyU32("qwen3next.ssm.inner_size", 512)
                      .keyU32("qwen3next.ssm.state_size", 16)
                      .keyU32("qwen3next.ssm.group_count", 2));

      long state = 4L * (3 * (512 + 2 * 2 * 16) + 512 * 16);
      assertThat(estimate.layers())
          .extracting(MemoryEstimate.LayerMemory::kvBytes)
          .containsExactly(state, state, state, 2 * 2 * 128 * 1024L);
    }
  }

  @Nested
  class GivenAHeaderThatCannotBeUsed {
    @Test
    void whenANumberIsMissing_thenItIsNamed() {
      var file =
          GgufFile.open(
              GgufBytes.header(3, 0, 1)
                  .keyText("general.architecture", "llama")
                  .write(folder.resolve("m.gguf")));

      assertThatExceptionOfType(GgufException.class)
          .isThrownBy(() -> MemoryEstimate.of(file, ContextOptions.DEFAULTS))
          .withMessageContaining("llama.block_count");
    }

    @Test
    void whenANumberIsAbsurd_thenItIsRefused() {
      assertThatExceptionOfType(GgufException.class)
          .isThrownBy(
              () -> estimate("llama", 2, 1, b -> b.keyU32("llama.attention.head_count", -1)))
          .withMessageContaining("llama.attention.head_count");
    }

    @Test
    void whenATensorIsOfALayerTooMany_thenItIsNamed() {
      var file =
          GgufFile.open(
              GgufBytes.header(3, 1, 3)
                  .keyText("general.architecture", "llama")
                  .keyU32("llama.block_count", 1)
                  .keyU32("llama.embedding_length", 32)
                  .tensor("blk.7.attn_q.weight", 0, 0, 32)
                  .data(128)
                  .write(folder.resolve("m.gguf")));

      assertThatExceptionOfType(GgufException.class)
          .isThrownBy(() -> MemoryEstimate.of(file, ContextOptions.DEFAULTS))
          .withMessageContaining("blk.7.attn_q.weight");
    }

    @Test
    void whenACacheTypeIsUnknown_thenItIsNamed() {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> ContextOptions.DEFAULTS.withCacheTypes("q9_9", "f16"))
          .withMessageContaining("q9_9");
    }
  }

  @Test
  void whenTheOutputIsTied_thenTheEmbeddingCountsForItToo() {
    var tied =
        GgufFile.open(
            GgufBytes.header(3, 2, 3)
                .keyText("general.architecture", "llama")
                .keyU32("llama.block_count", 1)
                .keyU32("llama.embedding_length", 32)
                .tensor("token_embd.weight", 0, 0, 32, 4)
                .tensor("output_norm.weight", 0, 512, 32)
                .data(640)
                .write(folder.resolve("m.gguf")));

    var estimate = MemoryEstimate.of(tied, ContextOptions.DEFAULTS);

    assertThat(estimate.inputBytes()).isEqualTo(512);
    assertThat(estimate.outputBytes()).isEqualTo(512 + 128);
  }

  private MemoryEstimate estimate(
      String architecture, int layers, int keys, UnaryOperator<GgufBytes> metadata) {
    return MemoryEstimate.of(
        Models.layered(
            folder.resolve("m.gguf"),
            architecture,
            layers,
            64,
            keys,
            metadata,
            layer -> architecture.equals("qwen3next") && layer < 3 ? "ssm_out" : "attn_k"),
        ContextOptions.DEFAULTS);
  }
}
