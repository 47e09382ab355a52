// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.time.Duration;

/**
 * What an answer of llama-server says it took. Immutable.
 *
 * @param inputTokens of the prompt, those from a cache too
 * @param outputTokens that were generated
 * @param generation from the first generated token to the last; zero when not told
 */
record Usage(long inputTokens, long outputTokens, Duration generation) {

  static final Usage NONE = new Usage(0, 0, Duration.ZERO);

  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * Reads an answer, or the last event of a stream; what says nothing of it is {@link #NONE}. What
   * else is in there, which may be megabytes, is passed over.
   */
  static Usage parse(byte[] json) {
    JsonNode usage = MissingNode.getInstance();
    try (JsonParser parser = JSON.createParser(json)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return NONE;
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.currentName();
        parser.nextToken();
        switch (field) {
          case "timings" -> {
            return ofTimings(JSON.readTree(parser));
          }
          case "usage" -> usage = JSON.readTree(parser);
          // Of the Responses API the last event holds the whole answer.
          case "response" -> usage = JSON.<JsonNode>readTree(parser).path("usage");
          default -> parser.skipChildren();
        }
      }
    } catch (IOException _) {
      return NONE;
    }
    return new Usage(
        usage.path("prompt_tokens").asLong(usage.path("input_tokens").asLong()),
        usage.path("completion_tokens").asLong(usage.path("output_tokens").asLong()),
        Duration.ZERO);
  }

  private static Usage ofTimings(JsonNode timings) {
    return new Usage(
        timings.path("prompt_n").asLong() + timings.path("cache_n").asLong(),
        timings.path("predicted_n").asLong(),
        Duration.ofNanos(Math.round(timings.path("predicted_ms").asDouble() * 1e6)));
  }
}
