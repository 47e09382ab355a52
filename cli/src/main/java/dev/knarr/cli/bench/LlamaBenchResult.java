// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.List;

/**
 * What one run of llama-bench says with {@code -o json}: an object for each test. Immutable.
 *
 * @param modelType in llama-bench's words, such as {@code llama 7B Q4_0}
 * @param modelBytes of the model's tensors
 * @param parameters of the model
 * @param tests in the order in which they were made
 */
record LlamaBenchResult(String modelType, long modelBytes, long parameters, List<Test> tests) {
  /**
   * One test.
   *
   * @param name as llama-bench's own table has it: {@code pp512}, {@code tg64}
   * @param tokens of one repetition
   * @param repetitions how often it was made
   * @param tokensPerSecond the mean of the repetitions
   */
  record Test(String name, int tokens, int repetitions, double tokensPerSecond) {}

  /**
   * Reads llama-bench's standard output.
   *
   * @throws BenchException where that is not what it is
   */
  static LlamaBenchResult parse(String json) {
    JsonNode root;
    try {
      root = JsonMapper.builder().build().readTree(json);
    } catch (JsonProcessingException e) {
      throw new BenchException(
          "llama-bench has not written JSON: %s.".formatted(e.getOriginalMessage()), e);
    }
    var tests = new ArrayList<Test>();
    for (var test : root) {
      double rate = test.path("avg_ts").asDouble();
      int tokens = test.path("n_prompt").asInt() + test.path("n_gen").asInt();
      if (!(rate > 0) || tokens <= 0) {
        throw new BenchException("A result of llama-bench has no tokens per second: " + test);
      }
      tests.add(new Test(name(test), tokens, test.path("samples_ns").size(), rate));
    }
    if (tests.isEmpty()) {
      throw new BenchException("llama-bench has written no result.");
    }
    if (tests.stream().map(Test::name).distinct().count() < tests.size()) {
      throw new BenchException(
          "llama-bench has made several tests of the same name: give its options behind -- one value each.");
    }
    var first = root.get(0);
    return new LlamaBenchResult(
        first.path("model_type").asText(),
        first.path("model_size").asLong(),
        first.path("model_n_params").asLong(),
        List.copyOf(tests));
  }

  private static String name(JsonNode test) {
    int prompt = test.path("n_prompt").asInt();
    int generated = test.path("n_gen").asInt();
    int depth = test.path("n_depth").asInt();
    var name =
        generated == 0
            ? "pp" + prompt
            : prompt == 0 ? "tg" + generated : "pp" + prompt + "+tg" + generated;
    return depth == 0 ? name : name + " @ d" + depth;
  }
}
