// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;

/**
 * What a request for tokens says of how they are to be sampled. Only the first level of its JSON is
 * looked at; what is no JSON says nothing, and llama-server tells the client. Immutable.
 *
 * @param readsLogits whether llama-server needs all logits for it, as {@code common/sampling.cpp}
 *     and {@code tools/server/server-context.cpp} of llama.cpp 0.7.0 decide
 */
record RequestContent(boolean readsLogits) {

  private static final JsonFactory JSON = new JsonFactory();

  static RequestContent of(Buffer body) {
    boolean logits = false;
    boolean afterSampling = false;
    boolean probabilities = false;
    try (JsonParser parser = JSON.createParser(body.getBytes())) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return new RequestContent(false);
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.currentName();
        JsonToken value = parser.nextToken();
        switch (field) {
          case "n_probs", "logprobs", "top_logprobs" -> probabilities |= isPositive(parser, value);
          case "post_sampling_probs" -> afterSampling = value == JsonToken.VALUE_TRUE;
          case "grammar" ->
              logits |= value == JsonToken.VALUE_STRING && !parser.getText().isEmpty();
          case "json_schema" -> logits |= value == JsonToken.START_OBJECT;
          case "backend_sampling" -> logits |= value == JsonToken.VALUE_FALSE;
          case "response_format" -> logits |= isConstrained(parser, value);
          case "tools" -> logits |= hasEntries(parser, value);
          default -> {}
        }
        parser.skipChildren();
      }
    } catch (IOException _) {
      return new RequestContent(false);
    }
    return new RequestContent(logits || (probabilities && !afterSampling));
  }

  private static boolean isPositive(JsonParser parser, JsonToken value) throws IOException {
    return value == JsonToken.VALUE_TRUE
        || (value == JsonToken.VALUE_NUMBER_INT && parser.getDoubleValue() > 0);
  }

  /** Everything but {@code {"type":"text"}} becomes a grammar. */
  private static boolean isConstrained(JsonParser parser, JsonToken value) throws IOException {
    if (value != JsonToken.START_OBJECT) {
      return false;
    }
    boolean constrained = false;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String field = parser.currentName();
      JsonToken inner = parser.nextToken();
      constrained |=
          field.equals("type")
              && inner == JsonToken.VALUE_STRING
              && !parser.getText().equals("text");
      parser.skipChildren();
    }
    return constrained;
  }

  /** Calls of tools are held to their schema by a grammar. */
  private static boolean hasEntries(JsonParser parser, JsonToken value) throws IOException {
    if (value != JsonToken.START_ARRAY) {
      return false;
    }
    boolean some = false;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      some = true;
      parser.skipChildren();
    }
    return some;
  }
}
