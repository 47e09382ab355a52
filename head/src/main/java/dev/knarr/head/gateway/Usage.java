// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.OptionalDouble;

/**
 * What an answer of llama-server says it took. Immutable.
 *
 * @param inputTokens of the prompt, those from a cache too
 * @param outputTokens that were generated
 * @param generationSeconds from the first generated token to the last; absent when not told
 */
record Usage(long inputTokens, long outputTokens, OptionalDouble generationSeconds) {

  static final Usage NONE = new Usage(0, 0, OptionalDouble.empty());

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Reads an answer, or the last event of a stream; what says nothing of it is {@link #NONE}. */
  static Usage parse(String json) {
    try {
      return of(JSON.readTree(json));
    } catch (IOException _) {
      return NONE;
    }
  }

  private static Usage of(JsonNode answer) {
    JsonNode timings = answer.path("timings");
    if (timings.isObject()) {
      return new Usage(
          timings.path("prompt_n").asLong() + timings.path("cache_n").asLong(),
          timings.path("predicted_n").asLong(),
          timings.has("predicted_ms")
              ? OptionalDouble.of(timings.path("predicted_ms").asDouble() / 1000)
              : OptionalDouble.empty());
    }
    // Of the Responses API the last event holds the whole answer.
    JsonNode usage =
        answer.has("usage") ? answer.path("usage") : answer.path("response").path("usage");
    if (!usage.isObject()) {
      return NONE;
    }
    return new Usage(
        usage.path("prompt_tokens").asLong(usage.path("input_tokens").asLong()),
        usage.path("completion_tokens").asLong(usage.path("output_tokens").asLong()),
        OptionalDouble.empty());
  }
}
