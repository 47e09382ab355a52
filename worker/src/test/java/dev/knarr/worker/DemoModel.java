// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.knarr.testkit.peers.StockLlamaServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The demo model of the repository, and what a stock llama-server answered with it. */
final class DemoModel {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path FOLDER = Path.of("../docs/examples/models");

  private DemoModel() {}

  /**
   * A question.
   *
   * @param request the body for {@code /v1/chat/completions}: greedy, nothing kept from before
   * @param expected what a right answer contains
   * @param answer what stock answered with the Q8_0 and the Q4_0 model alike
   */
  record Question(String request, String expected, String answer) {
    /** What a server answers now. */
    String ask(StockLlamaServer server) {
      String reply = server.post("/v1/chat/completions", request);
      try {
        return JSON.readTree(reply).at("/choices/0/message/content").asText(reply);
      } catch (IOException e) {
        throw new UncheckedIOException(reply, e);
      }
    }
  }

  static Path file(String name) {
    return FOLDER.resolve(name).toAbsolutePath().normalize();
  }

  /** The questions whose recorded answers are the same everywhere. */
  static List<Question> sureQuestions() {
    try {
      JsonNode recorded = JSON.readTree(file("answers.json").toFile());
      var questions = new ArrayList<Question>();
      for (JsonNode prompt : recorded.get("prompts")) {
        if (prompt.get("sure").asBoolean()) {
          ObjectNode request = recorded.get("request").deepCopy();
          request.set("messages", prompt.get("messages"));
          questions.add(
              new Question(
                  request.toString(),
                  prompt.path("expect").asText(),
                  prompt.at("/answers/q4_0").asText()));
        }
      }
      return questions;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
