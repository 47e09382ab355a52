// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.head.HeadMetrics;
import dev.knarr.testkit.peers.StockLlamaServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a client sees through the gateway is what it sees without. */
class PassThroughIT {

  private static StockLlamaServer server;
  private static RunningGateway gateway;

  @BeforeAll
  static void start() {
    server =
        StockLlamaServer.start(
            RunningGateway.MODEL, List.of("-c", "4096", "-np", "2", "--metrics"));
    gateway = RunningGateway.open();
    gateway.up(server.uri("").getPort());
  }

  @AfterAll
  static void stop() {
    gateway.close();
    server.close();
  }

  @Nested
  class GivenALlamaServerThatServes {

    @ParameterizedTest
    @CsvSource(
        delimiter = '|',
        value = {
          "POST|/v1/chat/completions|{\"messages\":[{\"role\":\"user\",\"content\":\"What is Knarr?\"}],\"temperature\":0}",
          "POST|/v1/chat/completions|{\"messages\":[{\"role\":\"user\",\"content\":\"What is Knarr?\"}],\"temperature\":0,\"stream\":true}",
          "POST|/v1/completions|{\"prompt\":\"Knarr\",\"temperature\":0,\"max_tokens\":8}",
          "POST|/completion|{\"prompt\":\"Knarr\",\"temperature\":0,\"n_predict\":8,\"stream\":true}",
          "POST|/completion|{\"prompt\":\"Knarr\",\"temperature\":0,\"n_predict\":8}",
          "POST|/tokenize|{\"content\":\"Knarr runs\"}",
          "POST|/v1/chat/completions|{bad",
          "POST|/v1/chat/completions|{}",
          "POST|/v1/chat/completions|",
          "POST|/v1/embeddings|{\"input\":\"Knarr\"}",
          "POST|/props|{}",
          "POST|/nothing/here|{\"a\":1}",
          "GET|/props|",
          "GET|/v1/models|",
          "GET|/slots|",
          "GET|/|",
          "GET|/index.html|",
          "GET|/nothing?a=b%20c&d|",
          "HEAD|/v1/models|",
          "OPTIONS|/v1/chat/completions|",
          "DELETE|/v1/models|",
        })
    void whenARequestIsSentBothWays_thenTheAnswersAreTheSame(
        String method, String path, String body) throws Exception {
      HttpResponse<String> direct = send(server.uri(path), method, body);
      HttpResponse<String> through = send(gateway.uri(path), method, body);

      assertThat(through.statusCode()).isEqualTo(direct.statusCode());
      assertThat(withoutWhatChanges(through.body())).isEqualTo(withoutWhatChanges(direct.body()));
      for (String header :
          List.of(
              "Content-Type",
              "Server",
              "Access-Control-Allow-Origin",
              "Access-Control-Allow-Methods",
              "Access-Control-Allow-Headers",
              "Access-Control-Allow-Credentials",
              "X-Accel-Buffering",
              "Content-Encoding")) {
        assertThat(through.headers().allValues(header))
            .as(header)
            .isEqualTo(direct.headers().allValues(header));
      }
    }

    private static HttpResponse<String> send(URI uri, String method, String body) throws Exception {
      HttpRequest request =
          HttpRequest.newBuilder(uri)
              .header("Origin", "http://app.example")
              .timeout(Duration.ofSeconds(60))
              .method(
                  method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
              .build();
      return gateway.http().send(request, BodyHandlers.ofString());
    }

    /** Ids, times and what the two requests before have left in a slot. */
    private static String withoutWhatChanges(String body) {
      return body.replaceAll("\"id\":\"[^\"]+\"", "")
          .replaceAll("\"created\":\\d+", "")
          .replaceAll("\"timings\":\\{[^}]*}", "")
          .replaceAll("\"cached_tokens\":\\d+", "")
          .replaceAll("\"(id_slot|tokens_cached|id_task)\":-?\\d+", "")
          .replaceAll("\"[a-z_]*(_ms|_per_second|_n)\":[-0-9.e]+", "");
    }

    @Test
    void whenAStreamRuns_thenItsFirstEventArrivesBeforeTheLastIsMade() throws Exception {
      HttpResponse<InputStream> response =
          gateway
              .http()
              .send(
                  gateway.post("/completion", endless(600)).build(), BodyHandlers.ofInputStream());
      try (InputStream events = response.body()) {
        assertThat(new String(events.readNBytes(5), StandardCharsets.UTF_8)).isEqualTo("data:");

        assertThat(isBusy()).as("llama-server still generates").isTrue();
      }
      await("llama-server stops when nobody listens").until(() -> !isBusy());
    }

    @Test
    void whenAClientOfAPlainRequestGoes_thenLlamaServerStops() {
      var answer =
          gateway.begin(gateway.post("/completion", endless(100_000).replace("true", "false")));
      await("it generates").until(GivenALlamaServerThatServes::isBusy);

      answer.cancel(true);

      await("llama-server stops when nobody waits").until(() -> !isBusy());
    }

    /** A text that never ends by itself. */
    private static String endless(int tokens) {
      return """
      {"prompt":"Knarr","temperature":0,"stream":true,"ignore_eos":true,"n_predict":%d}"""
          .formatted(tokens);
    }

    private static boolean isBusy() throws IOException, InterruptedException {
      return gateway
          .http()
          .send(HttpRequest.newBuilder(server.uri("/slots")).build(), BodyHandlers.ofString())
          .body()
          .contains("\"is_processing\":true");
    }

    @Test
    void whenABodyIsLargerThanWhatIsKept_thenItPassesAllTheSame() {
      byte[] words = new byte[(int) KeptBody.MAX_BYTES + 3_000_000];
      Arrays.fill(words, (byte) ' ');
      byte[] json = "{\"content\":\"Knarr\"}".getBytes(StandardCharsets.UTF_8);
      System.arraycopy(json, 0, words, words.length - json.length, json.length);

      HttpResponse<String> announced =
          gateway.send(gateway.request("/tokenize").POST(BodyPublishers.ofByteArray(words)));
      HttpResponse<String> chunked =
          gateway.send(
              gateway
                  .request("/tokenize")
                  .POST(BodyPublishers.fromPublisher(BodyPublishers.ofByteArray(words))));

      assertThat(announced.body()).startsWith("{\"tokens\":[");
      assertThat(chunked.body()).isEqualTo(announced.body());
      await("all is given back")
          .until(() -> gateway.registry.get(HeadMetrics.KEPT).gauge().value() == 0);
    }

    @Test
    void whenSeveralConnectionsAreReused_thenEachAnswerBelongsToItsRequest() {
      var answers =
          IntStream.range(0, 64)
              .mapToObj(
                  i ->
                      gateway.begin(
                          gateway.post("/detokenize", "{\"tokens\":[" + (i + 300) + "]}")))
              .toList();

      for (int i = 0; i < answers.size(); i++) {
        String direct = server.post("/detokenize", "{\"tokens\":[" + (i + 300) + "]}");
        assertThat(answers.get(i).join().body()).isEqualTo(direct);
      }
    }

    @Test
    void whenRequestsAreDone_thenTheyAreMeasured() {
      gateway.registry.clear();

      gateway.send(gateway.post("/v1/chat/completions", RunningGateway.QUESTION));
      gateway.send(
          gateway.post(
              "/v1/chat/completions",
              RunningGateway.QUESTION
                  .replace("}\n", "")
                  .replaceFirst("\\}$", ",\"stream\":true}")));
      gateway.send(
          gateway.post(
              "/v1/completions", "{\"prompt\":\"a\",\"max_tokens\":4,\"ignore_eos\":true}"));
      gateway.send(gateway.post("/v1/completions", "{bad"));

      await("the last is counted, after its answer has been sent")
          .until(() -> timed(HeadMetrics.REQUEST_DURATION, "text_completion", "400") == 1);
      assertThat(timed(HeadMetrics.REQUEST_DURATION, "chat", "none")).isEqualTo(2);
      assertThat(timed(HeadMetrics.REQUEST_DURATION, "text_completion", "none")).isEqualTo(1);
      assertThat(
              gateway
                  .registry
                  .get(HeadMetrics.TIME_TO_FIRST_TOKEN)
                  .tag("gen_ai.operation.name", "chat")
                  .timer()
                  .count())
          .isEqualTo(2);
      assertThat(
              gateway
                  .registry
                  .get(HeadMetrics.TIME_PER_OUTPUT_TOKEN)
                  .tag("gen_ai.operation.name", "chat")
                  .timer()
                  .count())
          .isEqualTo(2);
      assertThat(tokens("chat", "input")).isEqualTo(24);
      assertThat(tokens("chat", "output")).isEqualTo(24);
      assertThat(tokens("text_completion", "output")).isEqualTo(4);
    }

    private static long timed(String meter, String operation, String error) {
      return Optional.ofNullable(
              gateway
                  .registry
                  .find(meter)
                  .tags("gen_ai.operation.name", operation, "error.type", error)
                  .timer())
          .map(t -> t.count())
          .orElse(0L);
    }

    private static double tokens(String operation, String type) {
      return gateway
          .registry
          .get(HeadMetrics.TOKEN_USAGE)
          .tags("gen_ai.operation.name", operation, "gen_ai.token.type", type)
          .summary()
          .totalAmount();
    }
  }
}
