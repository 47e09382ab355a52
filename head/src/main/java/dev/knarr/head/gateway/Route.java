// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonObject;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What is known of a path of llama-server's API (llama.cpp 0.7.0, {@code tools/server}). Immutable.
 *
 * @param operation what it does, in the words of OpenTelemetry's GenAI conventions
 * @param repeatable whether a request changes nothing that lasts, so that it can be run again
 * @param dialect how a stream says that something went wrong
 */
record Route(Operation operation, boolean repeatable, Dialect dialect) {

  private static final Route UNKNOWN = new Route(Operation.OTHER, false, Dialect.OPENAI);
  private static final Map<String, Route> POSTS = new HashMap<>();

  static {
    add(Operation.CHAT, Dialect.OPENAI, "/chat/completions");
    add(Operation.CHAT, Dialect.RESPONSES, "/responses");
    add(Operation.CHAT, Dialect.ANTHROPIC, "/messages");
    add(Operation.TEXT_COMPLETION, Dialect.OPENAI, "/completion", "/completions", "/infill");
    add(Operation.EMBEDDINGS, Dialect.OPENAI, "/embedding", "/embeddings");
    add(Operation.RERANK, Dialect.OPENAI, "/rerank", "/reranking");
    add(Operation.OTHER, Dialect.OPENAI, "/tokenize", "/detokenize", "/apply-template");
    add(Operation.OTHER, Dialect.OPENAI, "/chat/completions/input_tokens");
    add(Operation.OTHER, Dialect.OPENAI, "/responses/input_tokens", "/messages/count_tokens");
    add(Operation.OTHER, Dialect.OPENAI, "/audio/transcriptions");
  }

  /** What a request does: the values of {@code gen_ai.operation.name}. */
  enum Operation {
    CHAT("chat"),
    TEXT_COMPLETION("text_completion"),
    EMBEDDINGS("embeddings"),
    RERANK("rerank"),
    /** What generates nothing and is not measured. */
    OTHER("other");

    private final String text;

    Operation(String text) {
      this.text = text;
    }

    String text() {
      return text;
    }
  }

  /** How events of a stream are written. */
  enum Dialect {
    OPENAI {
      @Override
      String error(String sentence) {
        return "data: " + Answers.error(503, sentence).encode() + "\n\n";
      }
    },
    RESPONSES {
      @Override
      String error(String sentence) {
        JsonObject error =
            new JsonObject()
                .put("type", "error")
                .put("code", Answers.UNAVAILABLE)
                .put("message", sentence);
        return "event: error\ndata: " + error.encode() + "\n\n";
      }
    },
    ANTHROPIC {
      @Override
      String error(String sentence) {
        JsonObject error =
            new JsonObject()
                .put("type", "error")
                .put("error", new JsonObject().put("type", "api_error").put("message", sentence));
        return "event: error\ndata: " + error.encode() + "\n\n";
      }
    };

    /** The event that ends a stream which was cut. */
    abstract String error(String sentence);
  }

  static Route of(HttpMethod method, String path) {
    if (!method.equals(HttpMethod.POST)) {
      return UNKNOWN;
    }
    String plain = path.startsWith("/v1/") ? path.substring("/v1".length()) : path;
    return POSTS.getOrDefault(plain, UNKNOWN);
  }

  /** Whether a method only reads. */
  static boolean reads(HttpMethod method) {
    return method.equals(HttpMethod.GET)
        || method.equals(HttpMethod.HEAD)
        || method.equals(HttpMethod.OPTIONS);
  }

  private static void add(Operation operation, Dialect dialect, String... paths) {
    for (String path : List.of(paths)) {
      POSTS.put(path, new Route(operation, true, dialect));
    }
  }
}
