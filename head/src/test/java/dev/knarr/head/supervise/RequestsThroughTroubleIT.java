// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.head.HeadMetrics;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.testkit.peers.StockWorker;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What becomes of requests when something dies under them. */
class RequestsThroughTroubleIT {

  private static final String QUESTION = "Count from 1 to 100.";
  private static final String LAST_WORDS = "98, 99, 100.";

  @Nested
  class GivenFourStreamsAndFourPlainRequests {

    @Test
    void whenLlamaServerIsKilled_thenEachEndsWellAndTheHeadIsBack() {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start();
          RunningHead head =
              new RunningHead(RunningHead.config(List.of(first.address(), second.address())))) {
        head.awaitPhase(HeadPhase.READY);
        List<CompletableFuture<HttpResponse<String>>> streams = begin(head, true);
        List<CompletableFuture<HttpResponse<String>>> plain = begin(head, false);
        awaitTokens(head, "cpu-1");

        head.llamaServer().orElseThrow().destroyForcibly();

        assertEnds(streams, "signal 9");
        assertAnswers(plain);
        assertThat(head.status().phase()).isEqualTo(HeadPhase.READY);
        assertThat(head.count(HeadMetrics.RERUNS, "reason", "LlamaServerEnded"))
            .isGreaterThanOrEqualTo(4);
      }
    }

    @Test
    void whenAWorkerIsKilled_thenItIsNamedAndTheRestWaitsUntilItIsBack() {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start();
          RunningHead head =
              new RunningHead(RunningHead.config(List.of(first.address(), second.address())))) {
        head.awaitPhase(HeadPhase.READY);
        List<CompletableFuture<HttpResponse<String>>> streams = begin(head, true);
        List<CompletableFuture<HttpResponse<String>>> plain = begin(head, false);
        awaitTokens(head, "cpu-1");

        second.kill();

        await("the streams that had begun end before it is back")
            .until(() -> streams.stream().anyMatch(CompletableFuture::isDone));
        assertThat(plain).noneMatch(CompletableFuture::isDone);
        try (StockWorker _ = StockWorker.start(second.port())) {
          assertEnds(streams, "cpu-1");
          assertAnswers(plain);
          assertThat(head.count(HeadMetrics.RERUNS, "reason", "WorkerLost"))
              .isGreaterThanOrEqualTo(4);
        }
      }
    }

    private static List<CompletableFuture<HttpResponse<String>>> begin(
        RunningHead head, boolean stream) {
      return IntStream.range(0, 4).mapToObj(_ -> head.send(QUESTION, stream)).toList();
    }

    private static void awaitTokens(RunningHead head, String worker) {
      await("answers have begun")
          .until(() -> head.count(HeadMetrics.GRAPHS, "worker", worker, "kind", "recomputed") > 20);
    }

    private static void assertAnswers(List<CompletableFuture<HttpResponse<String>>> plain) {
      assertThat(plain)
          .allSatisfy(
              answer -> {
                assertThat(answer.join().statusCode()).isEqualTo(200);
                assertThat(RunningHead.text(answer.join().body())).endsWith(LAST_WORDS);
              });
    }

    /** Those that had begun say what happened; the others had to wait, and are whole. */
    private static void assertEnds(
        List<CompletableFuture<HttpResponse<String>>> streams, String reason) {
      assertThat(streams)
          .allSatisfy(
              stream ->
                  assertThat(stream.join().body())
                      .startsWith("data: {\"choices\":[")
                      .satisfiesAnyOf(
                          body ->
                              assertThat(body)
                                  .contains("data: {\"error\":{\"message\":\"The stream was cut: ")
                                  .contains(reason)
                                  .endsWith("\"code\":503}}\n\n"),
                          body -> assertThat(body).endsWith("data: [DONE]\n\n")));
      assertThat(streams)
          .as("streams that had begun")
          .anySatisfy(stream -> assertThat(stream.join().body()).contains("The stream was cut"));
    }
  }
}
