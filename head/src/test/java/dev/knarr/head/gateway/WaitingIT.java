// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.knarr.head.HeadMetrics;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.testkit.peers.StockLlamaServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Requests while no llama-server serves. */
class WaitingIT {

  private static StockLlamaServer server() {
    return StockLlamaServer.start(RunningGateway.MODEL, List.of("-c", "2048", "-np", "2"));
  }

  private static HeadConfig.Http limits(int seconds, int requests) {
    return new HeadConfig.Http("127.0.0.1", 0, seconds, requests, 1);
  }

  private static double waiting(RunningGateway gateway) {
    return gateway.registry.get(HeadMetrics.REQUESTS).tag("state", "waiting").gauge().value();
  }

  @Nested
  class GivenAHeadThatLoads {

    @Test
    void whenLlamaServerServes_thenRequestsThatWaitedAreAnswered() {
      try (RunningGateway gateway = RunningGateway.open()) {
        List<CompletableFuture<HttpResponse<String>>> answers =
            IntStream.range(0, 8)
                .mapToObj(
                    i ->
                        gateway.begin(
                            gateway.post("/v1/chat/completions", RunningGateway.QUESTION)))
                .toList();
        await("all wait").until(() -> waiting(gateway) == 8);

        try (StockLlamaServer server = server()) {
          gateway.up(server.uri("").getPort());

          assertThat(answers)
              .allSatisfy(
                  answer -> assertThat(answer.join().body()).contains(RunningGateway.ANSWER));
          assertThat(gateway.registry.get(HeadMetrics.QUEUE_DURATION).timer().count()).isEqualTo(8);
          assertThat(waiting(gateway)).isZero();
        }
      }
    }

    @Test
    void whenItIsAskedForHealth_thenItSaysHowFarItIsWithoutWaiting() {
      try (RunningGateway gateway = RunningGateway.open()) {
        HttpResponse<String> health = gateway.send(gateway.request("/health"));

        assertThat(health.statusCode()).isEqualTo(503);
        assertThat(health.headers().firstValue("Retry-After")).isPresent();
        assertThat(health.body())
            .startsWith(
                "{\"error\":{\"message\":\"Loading model\",\"type\":\"unavailable_error\",\"code\":503}")
            .contains("\"status\":\"loading\"", "\"percent\":42");
      }
    }

    @Test
    void whenOnlyTheHeadOfAnAnswerIsWanted_thenThereIsNoBody() {
      try (RunningGateway gateway = RunningGateway.open()) {
        String head = "HEAD %s HTTP/1.1\r\nHost: a\r\n%s\r\n";

        String answers =
            gateway.raw(
                (head.formatted("/health", "") + head.formatted("/props", "Connection: close\r\n"))
                    .getBytes(StandardCharsets.US_ASCII));

        assertThat(answers).containsPattern("(?s)^HTTP/1.1 503.*\r\n\r\nHTTP/1.1 503.*\r\n\r\n$");
      }
    }

    @Test
    void whenAStateIsRead_thenThereIsAnAnswerAtOnce() {
      try (RunningGateway gateway = RunningGateway.open()) {
        HttpResponse<String> models = gateway.send(gateway.request("/v1/models"));

        assertThat(models.statusCode()).isEqualTo(503);
        assertThat(models.body())
            .isEqualTo(
                "{\"error\":{\"message\":\"Loading model\",\"type\":\"unavailable_error\",\"code\":503}}");
      }
    }

    @Test
    void whenABrowserAsksWhetherItMay_thenItMayAndTheRequestItselfWaits() {
      try (RunningGateway gateway = RunningGateway.open();
          RunningGateway closed =
              new RunningGateway(
                  limits(0, 0),
                  null,
                  List.of("--cors-origins", "localhost"),
                  Duration.ofSeconds(60))) {
        HttpResponse<String> allowed = preflight(gateway);

        assertThat(allowed.statusCode()).isEqualTo(200);
        assertThat(allowed.headers().firstValue("Access-Control-Allow-Origin"))
            .hasValue("http://app.example");
        assertThat(preflight(closed).statusCode()).isEqualTo(503);
        assertThat(preflight(closed).headers().firstValue("Access-Control-Allow-Origin")).isEmpty();
      }
    }

    private static HttpResponse<String> preflight(RunningGateway gateway) {
      return gateway.send(
          gateway
              .request("/v1/chat/completions")
              .header("Origin", "http://app.example")
              .method("OPTIONS", BodyPublishers.noBody()));
    }

    @Test
    void whenMoreWaitThanMay_thenTheLastIsRefused() {
      try (RunningGateway gateway = new RunningGateway(limits(60, 1), null)) {
        var first = gateway.begin(gateway.post("/completion", "{}"));
        await("it waits").until(() -> waiting(gateway) == 1);

        HttpResponse<String> second = gateway.send(gateway.post("/completion", "{}"));

        assertThat(second.statusCode()).isEqualTo(503);
        assertThat(second.headers().firstValue("Retry-After")).hasValue("5");
        assertThat(second.body()).contains("http.waitingRequests", "unavailable_error");
        assertThat(first).isNotDone();
        assertThat(gateway.count(HeadMetrics.REFUSED, "reason", "full")).isEqualTo(1);
      }
    }

    @Test
    void whenTheTimeIsOver_thenTheReasonIsNamed() {
      try (RunningGateway gateway = new RunningGateway(limits(1, 1), null)) {
        HttpResponse<String> answer = gateway.send(gateway.post("/completion", "{}"));

        assertThat(answer.statusCode()).isEqualTo(503);
        assertThat(answer.headers().firstValue("Retry-After")).hasValue("5");
        assertThat(answer.body())
            .contains("http.waitSeconds", "llama-server brings the weights.", "\"code\":503");
        assertThat(waiting(gateway)).isZero();
      }
    }

    @Test
    void whenMoreIsKeptThanMay_thenRequestsWaitAllTheSame() {
      String large = "{\"prompt\":\"" + "a ".repeat(400_000) + "\"}";
      try (RunningGateway gateway = new RunningGateway(limits(60, 10), null)) {
        var answers =
            IntStream.range(0, 3)
                .mapToObj(
                    i ->
                        gateway.begin(
                            gateway.post("/tokenize", large.replace("prompt", "content"))))
                .toList();
        await("all wait").until(() -> waiting(gateway) == 3);

        assertThat(gateway.registry.get(HeadMetrics.KEPT).gauge().value())
            .isBetween(1.0, (double) (1 << 20));
        try (StockLlamaServer server = server()) {
          gateway.up(server.uri("").getPort());

          assertThat(answers)
              .allSatisfy(answer -> assertThat(answer.join().body()).startsWith("{\"tokens\":["));
          await("all is given back")
              .until(() -> gateway.registry.get(HeadMetrics.KEPT).gauge().value() == 0);
        }
      }
    }

    @Test
    void whenAClientThatWaitsGoes_thenItsPlaceIsFree() {
      try (RunningGateway gateway = RunningGateway.open()) {
        var answer = gateway.begin(gateway.post("/completion", "{}"));
        await("it waits").until(() -> waiting(gateway) == 1);

        answer.cancel(true);

        await("its place is free").until(() -> waiting(gateway) == 0);
        await("nothing is left").until(gateway.gateway::isIdle);
      }
    }
  }

  @Nested
  class GivenAHeadThatGaveUp {

    @Test
    void whenItDoes_thenWhoWaitsAndWhoComesIsToldWhy() {
      try (RunningGateway gateway = RunningGateway.open()) {
        var waits = gateway.begin(gateway.post("/completion", "{}"));
        await("it waits").until(() -> waiting(gateway) == 1);

        gateway.status = RunningGateway.status(HeadPhase.FAILED, "The model is missing.");
        gateway.gateway.giveUp("The model is missing.");

        assertThat(waits.join().body()).contains("The model is missing.");
        assertThat(gateway.send(gateway.post("/completion", "{}")).body())
            .contains("The model is missing.");
        assertThat(gateway.send(gateway.request("/health")).body())
            .contains("\"status\":\"failed\"", "The model is missing.");
      }
    }
  }

  @Nested
  class GivenAHeadThatIsAskedToStop {

    @Test
    void whenItDrains_thenNewRequestsAreRefusedAndRunningOnesFinish() {
      try (StockLlamaServer server = server();
          RunningGateway gateway = RunningGateway.open()) {
        gateway.up(server.uri("").getPort());
        var running =
            gateway.begin(
                gateway.post(
                    "/completion",
                    "{\"prompt\":\"a\",\"ignore_eos\":true,\"n_predict\":400,\"temperature\":0}"));
        await("it runs").until(() -> !gateway.gateway.isIdle());

        gateway.gateway.drain();

        HttpResponse<String> refused = gateway.send(gateway.post("/completion", "{}"));
        assertThat(refused.statusCode()).isEqualTo(503);
        assertThat(refused.headers().firstValue("Retry-After")).hasValue("5");
        assertThat(running.join().body()).contains("\"tokens_predicted\":400");
        await("all is done").until(gateway.gateway::isIdle);
      }
    }
  }

  @Nested
  class GivenALlamaServerThatDiesWhileItAnswers {

    private static final String LONG =
        """
        {"prompt":"Knarr","temperature":0,"seed":1,"ignore_eos":true,"n_predict":1500,
         "cache_prompt":false,"stream":%s}""";

    @Test
    void whenTheNextServes_thenPlainRequestsAreAnsweredAndStreamsWereToldWhy() {
      try (RunningGateway gateway = RunningGateway.open()) {
        try (StockLlamaServer reference = server()) {
          gateway.up(reference.uri("").getPort());
          String whole = content(gateway.send(gateway.post("/completion", LONG.formatted(false))));
          gateway.gateway.down(HeadReason.WORKER_LOST, "Worker cpu-0 is lost.");

          List<CompletableFuture<HttpResponse<String>>> plain;
          List<CompletableFuture<HttpResponse<String>>> streams;
          try (StockLlamaServer first =
              StockLlamaServer.start(RunningGateway.MODEL, List.of("-c", "8192", "-np", "4"))) {
            gateway.up(first.uri("").getPort());
            plain = begin(gateway, false);
            streams = begin(gateway, true);
            await("all are answered")
                .until(
                    () -> {
                      String slots = gateway.send(gateway.request("/slots")).body();
                      return slots.split("\"is_processing\":true", -1).length == 5;
                    });

            first.process().destroyForcibly();

            await("it is gone").until(() -> !first.process().isAlive());
            gateway.gateway.down(HeadReason.WORKER_LOST, "Worker cpu-1 is lost.");
          }
          assertThat(streams)
              .allSatisfy(
                  stream ->
                      assertThat(stream.join().body())
                          .startsWith("data: {\"index\":0,")
                          .endsWith(
                              "data: {\"error\":{\"message\":\"The stream was cut: Worker cpu-1 is lost.\",\"type\":\"unavailable_error\",\"code\":503}}\n\n"));
          assertThat(plain).noneMatch(CompletableFuture::isDone);
          gateway.up(reference.uri("").getPort());
          assertThat(plain)
              .allSatisfy(answer -> assertThat(content(answer.join())).isEqualTo(whole));
          assertThat(gateway.count(HeadMetrics.RERUNS, "reason", "WorkerLost")).isEqualTo(2);
        }
      }
    }

    private static List<CompletableFuture<HttpResponse<String>>> begin(
        RunningGateway gateway, boolean stream) {
      return IntStream.range(0, 2)
          .mapToObj(_ -> gateway.begin(gateway.post("/completion", LONG.formatted(stream))))
          .toList();
    }

    private static String content(HttpResponse<String> answer) {
      assertThat(answer.statusCode()).isEqualTo(200);
      return answer.body().replaceAll("(?s).*\"content\":\"(.*?)\",\"tokens\".*", "$1");
    }

    @Test
    void whenItDiesOfTheSameRequestAgain_thenItIsNotRunAThirdTime() {
      try (RunningGateway gateway = RunningGateway.open()) {
        var answer = gateway.begin(gateway.post("/completion", LONG.formatted(false)));
        for (int round = 0; round < 2; round++) {
          try (StockLlamaServer server = server()) {
            gateway.up(server.uri("").getPort());
            await("it runs")
                .until(
                    () ->
                        gateway
                            .send(gateway.request("/slots"))
                            .body()
                            .contains("\"is_processing\":true"));
            server.process().destroyForcibly();
            gateway.gateway.down(
                HeadReason.LLAMA_SERVER_ENDED, "llama-server was ended by signal 9.");
          }
        }

        HttpResponse<String> last = answer.join();
        assertThat(last.statusCode()).isEqualTo(502);
        assertThat(last.body()).contains("signal 9", "server_error", "\"code\":502");
        assertThat(gateway.count(HeadMetrics.RERUNS)).isEqualTo(1);
      }
    }

    @Test
    void whenARequestChangesSomething_thenItIsNotRunAgain() {
      try (RunningGateway gateway = RunningGateway.open();
          ServerSocket silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
        gateway.up(silent.getLocalPort());
        var answer = gateway.begin(gateway.post("/slots/0?action=save", "{}"));
        try (var socket = silent.accept()) {
          assertThat(socket.getInputStream().read()).isEqualTo('P');
          gateway.gateway.down(HeadReason.WORKER_LOST, "Worker cpu-1 is lost.");
          assertThat(answer.join().statusCode()).isEqualTo(502);
          assertThat(answer.join().body()).contains("Worker cpu-1 is lost.");
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Nested
  class GivenATakenPort {

    @Test
    void whenItOpens_thenItSaysSo() {
      try (RunningGateway first = RunningGateway.open()) {
        int port = first.gateway.port();
        assertThatThrownBy(() -> new RunningGateway(new HeadConfig.Http("127.0.0.1", port), null))
            .isInstanceOf(HeadException.class)
            .hasMessageContaining("127.0.0.1:" + port)
            .hasMessageContaining("another port");
      }
    }
  }
}
