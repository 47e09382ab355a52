// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class LlamaBenchResultTest {
  /** Of llama-bench 0.7.0, without the fields that nobody reads. */
  private static String test(int prompt, int generated, int depth, String rate) {
    return """
      {
        "build_number": 11669,
        "model_type": "llama ?B Q4_0",
        "model_size": 4281344,
        "model_n_params": 7344384,
        "n_prompt": %d,
        "n_gen": %d,
        "n_depth": %d,
        "avg_ns": 257797652,
        "avg_ts": %s,
        "samples_ns": [ 231685146, 283910158 ],
        "samples_ts": [ 2209.9, 1803.39 ]
      }"""
        .formatted(prompt, generated, depth, rate);
  }

  private static LlamaBenchResult parse(String... tests) {
    return LlamaBenchResult.parse("[\n" + String.join(",\n", tests) + "\n]\n");
  }

  @Test
  void whenPromptAndGenerationWereTested_thenBothAreThereByName() {
    var result = parse(test(512, 0, 0, "2006.641530"), test(0, 64, 0, "437.048369"));

    assertThat(result.modelType()).isEqualTo("llama ?B Q4_0");
    assertThat(result.modelBytes()).isEqualTo(4281344);
    assertThat(result.parameters()).isEqualTo(7344384);
    assertThat(result.tests())
        .containsExactly(
            new LlamaBenchResult.Test("pp512", 512, 2, 2006.64153),
            new LlamaBenchResult.Test("tg64", 64, 2, 437.048369));
  }

  @Test
  void whenTestsBeganBehindOtherTokens_thenTheNameSaysSo() {
    assertThat(parse(test(0, 32, 1024, "1"), test(8, 4, 0, "1")).tests())
        .extracting(LlamaBenchResult.Test::name)
        .containsExactly("tg32 @ d1024", "pp8+tg4");
  }

  @Test
  void whenTwoTestsHaveOneName_thenTheRemedyIsNamed() {
    assertThatThrownBy(() -> parse(test(512, 0, 0, "1"), test(512, 0, 0, "2")))
        .isInstanceOf(BenchException.class)
        .hasMessageContaining("one value each");
  }

  @Test
  void whenTheOutputBreaksOff_thenItIsRefused() {
    assertThatThrownBy(() -> LlamaBenchResult.parse("[\n"))
        .isInstanceOf(BenchException.class)
        .hasMessageContaining("JSON");
    assertThatThrownBy(() -> LlamaBenchResult.parse("[]\n"))
        .isInstanceOf(BenchException.class)
        .hasMessageContaining("no result");
  }

  @Test
  void whenARateIsMissing_thenItIsRefused() {
    assertThatThrownBy(() -> parse(test(512, 0, 0, "0")))
        .isInstanceOf(BenchException.class)
        .hasMessageContaining("no tokens per second");
  }
}
