// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.StreamSupport;

/** The demo model of {@code docs/examples/models} and the answers that stock programs give. */
public final class DemoModel {
  private static final Path FOLDER = Path.of("..", "docs", "examples", "models");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonNode RECORD = read();

  private DemoModel() {}

  /**
   * A prompt of which the model is so sure that rounding does not change the answer.
   *
   * @param expect what a right answer contains
   */
  public record Prompt(int id, JsonNode messages, String expect, JsonNode answers, JsonNode right) {
    /** The recorded greedy answer of a quantization. */
    public String answer(String type) {
      return answers.path(type).asText();
    }

    /** Whether the recorded answer is right, and not only what the model says. */
    public boolean isRight(String type) {
      return right.path(type).asBoolean();
    }
  }

  private static JsonNode read() {
    try {
      return JSON.readTree(FOLDER.resolve("answers.json").toFile());
    } catch (IOException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** All prompts of which it is sure. */
  public static List<Prompt> surePrompts() {
    return StreamSupport.stream(RECORD.get("prompts").spliterator(), false)
        .filter(prompt -> prompt.get("sure").asBoolean())
        .map(
            prompt ->
                new Prompt(
                    prompt.get("id").asInt(),
                    prompt.get("messages"),
                    prompt.path("expect").asText(),
                    prompt.get("answers"),
                    prompt.get("right")))
        .toList();
  }

  /** A file of the repository, for instance of type {@code q8_0}. */
  public static Path file(String type) {
    return FOLDER.resolve("knarr-demo-" + type + ".gguf");
  }

  /** The model in a type that the repository does not have, made from Q8_0 when first needed. */
  public static synchronized Path quantized(String type) throws IOException, InterruptedException {
    Path made = Path.of("target", "knarr-demo-" + type + ".gguf");
    if (!Files.exists(made)) {
      Path unfinished = Path.of(made + ".new");
      var output =
          StockProgram.run(
              Duration.ofMinutes(1),
              "llama-quantize",
              "--allow-requantize",
              file("q8_0").toString(),
              unfinished.toString(),
              type,
              "1");
      if (output.exitCode() != 0) {
        throw new IllegalStateException("llama-quantize failed: " + output.tail());
      }
      Files.move(unfinished, made);
    }
    return made;
  }

  /** The answer to a prompt, with the parameters of the recording. */
  public static String ask(StockLlamaServer server, Prompt prompt) {
    ObjectNode request = RECORD.get("request").deepCopy();
    request.set("messages", prompt.messages);
    String answer = server.post("/v1/chat/completions", request.toString());
    try {
      return JSON.readTree(answer).at("/choices/0/message/content").asText("none: " + answer);
    } catch (IOException e) {
      throw new IllegalStateException("No JSON: " + answer, e);
    }
  }
}
