// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static dev.knarr.head.supervise.RunningHead.ANSWER;
import static dev.knarr.head.supervise.RunningHead.config;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import dev.knarr.head.HeadMetrics;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.api.HeadStatus.PlanStatus;
import dev.knarr.head.api.HeadStatus.WireStatus;
import dev.knarr.testkit.peers.LlamaCppTree;
import dev.knarr.testkit.peers.SlowLink;
import dev.knarr.testkit.peers.StockWorker;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What the plan says of the network, and does because of it, over real peers. */
class WireIT {
  private static final String QUESTION = "What is Knarr?";

  /** Tokens of {@link RunningHead#ANSWER}, its end included. */
  private static final int TOKENS = 12;

  /** One row for the demo model's 2048 tokens. */
  private static final double LOGITS_BYTES = 4 * 2048;

  private static PlanStatus plan(RunningHead head) {
    return Objects.requireNonNull(head.awaitPhase(HeadPhase.READY).plan());
  }

  private static WireStatus wire(RunningHead head) {
    return Objects.requireNonNull(plan(head).wire());
  }

  private static String sampling(RunningHead head) {
    return Objects.requireNonNull(plan(head).sampling()).mode();
  }

  private static double chosen(RunningHead head, String mode) {
    return head.count(HeadMetrics.SAMPLING, "mode", mode);
  }

  /** Bytes that were read from workers so far. */
  private static double read(RunningHead head) {
    return head.count(HeadMetrics.RPC_BYTES, "command", "get_tensor", "direction", "response");
  }

  @Nested
  class GivenWorkersOnThisMachine {

    @Test
    void whenAnAnswerIsGiven_thenTheBytesAreThoseOfThePlan() {
      try (StockWorker first = StockWorker.start();
          StockWorker second = StockWorker.start();
          RunningHead head = new RunningHead(config(List.of(first.address(), second.address())))) {
        PlanStatus plan = plan(head);
        WireStatus wire = wire(head);

        bytesOf(head, 20);
        // What differs is tokens alone: both answers need the same graphs.
        double few = bytesOf(head, 20);
        double many = bytesOf(head, 120);

        // The plan is of half a context, 512 cells; the answers stay within the first 256.
        double masks = 2 * 2 * 256;
        double planned = Objects.requireNonNull(plan.bytesPerToken()) - masks;
        assertThat((many - few) / 100).isCloseTo(planned, withinPercentage(2));
        assertThat(wire.roundTripsPerToken()).isEqualTo(2);
        assertThat(Objects.requireNonNull(wire.tokensPerSecond())).isPositive();
        assertThat(wire.links()).hasSize(4).allMatch(link -> link.bytesPerSecond() > 1_000_000);
        assertThat(head.gauge(HeadMetrics.PLAN_TOKEN, "from", "head", "to", "cpu-0"))
            .isEqualTo((double) wire.links().getFirst().bytesPerToken());
        assertThat(head.gauge(HeadMetrics.LINK_THROUGHPUT, "from", "cpu-1", "to", "head"))
            .isPositive();
      }
    }
  }

  private static double bytesOf(RunningHead head, int tokens) {
    double before = head.count(HeadMetrics.RPC_BYTES);
    head.ask("Count from 1 to 100.", tokens).join();
    return head.count(HeadMetrics.RPC_BYTES) - before;
  }

  @Nested
  class GivenALinkThatIsSlowForLogits {

    @Test
    void whenAnAnswerIsGiven_thenTheWorkerChoosesItsTokensAndTheyAreTheSame()
        throws IOException, InterruptedException {
      try (StockWorker worker = StockWorker.start();
          SlowLink link = SlowLink.to(worker.address(), 40e6, 0.5e6);
          RunningHead head = new RunningHead(config(List.of(link.address())))) {
        HeadStatus ready = head.awaitPhase(HeadPhase.READY);
        assertThat(sampling(head)).isEqualTo("Graph");
        assertThat(ready.warnings()).isEmpty();

        double before = read(head);
        assertThat(head.ask(QUESTION)).isEqualTo(ANSWER);
        assertThat(read(head) - before).isLessThan(LOGITS_BYTES);
        assertThat(chosen(head, "graph")).isGreaterThanOrEqualTo(TOKENS);

        before = read(head);
        double logits = chosen(head, "logits");
        String schema =
            """
            {"messages":[{"role":"user","content":"%s"}],"temperature":0,"max_tokens":8,
             "response_format":{"type":"json_schema","json_schema":{"schema":{"type":"object"}}}}"""
                .formatted(QUESTION);
        assertThat(post(ready, schema)).contains("\"content\":\"{");
        assertThat(read(head) - before).isGreaterThanOrEqualTo(8 * LOGITS_BYTES);
        assertThat(chosen(head, "logits")).isGreaterThanOrEqualTo(logits + 8);
      }
    }

    @Test
    void whenTheUserWantsLogits_thenTheyCross() throws IOException {
      try (StockWorker worker = StockWorker.start();
          SlowLink link = SlowLink.to(worker.address(), 40e6, 0.5e6);
          RunningHead head =
              new RunningHead(
                  with(config(List.of(link.address())), List.of("--no-backend-sampling")))) {
        assertThat(sampling(head)).isEqualTo("Logits");
        assertThat(Objects.requireNonNull(plan(head).sampling()).byUser()).isTrue();

        double before = read(head);
        assertThat(head.ask(QUESTION)).isEqualTo(ANSWER);
        assertThat(read(head) - before).isGreaterThanOrEqualTo(TOKENS * LOGITS_BYTES);
        assertThat(chosen(head, "graph")).isZero();
        assertThat(chosen(head, "logits")).isGreaterThanOrEqualTo(TOKENS);
      }
    }

    @Test
    void whenItIsSlowForEverything_thenAWarningNamesIt() throws IOException {
      try (StockWorker worker = StockWorker.start();
          SlowLink link = SlowLink.to(worker.address(), 40e6, 0.1e6);
          RunningHead head =
              new RunningHead(
                  with(config(List.of(link.address())), List.of("--no-backend-sampling")))) {
        HeadStatus ready = head.awaitPhase(HeadPhase.READY);

        assertThat(ready.warnings())
            .singleElement()
            .asString()
            .contains("tokens/s")
            .contains("cpu-0 → head")
            .contains("Most of it are logits");
      }
    }
  }

  @Nested
  class GivenTwoAddressesOfOneWorker {

    @Test
    void whenOneIsFaster_thenItIsTakenAndSaid() throws IOException {
      try (StockWorker worker = StockWorker.start();
          SlowLink link = SlowLink.to(worker.address(), 2e6, 2e6);
          RunningHead head =
              new RunningHead(reachedAt(List.of(link.address(), worker.address())))) {
        WireStatus wire = wire(head);

        assertThat(head.status().workers().getFirst().address()).isEqualTo(worker.address());
        assertThat(wire.remarks())
            .singleElement()
            .asString()
            .startsWith("Worker cpu-0 is reached at " + worker.address() + " (round trip ")
            .contains("not clearly faster: " + link.address());
        assertThat(head.ask(QUESTION)).isEqualTo(ANSWER);
      }
    }

    @Test
    void whenOneDoesNotAnswer_thenTheOtherIsTaken() {
      String nobody = "127.0.0.1:" + LlamaCppTree.freePort();
      try (StockWorker worker = StockWorker.start();
          RunningHead head = new RunningHead(reachedAt(List.of(nobody, worker.address())))) {
        assertThat(wire(head).remarks())
            .singleElement()
            .asString()
            .contains("is reached at " + worker.address())
            .contains("No answer at " + nobody);
      }
    }

    private static HeadConfig reachedAt(List<String> addresses) {
      HeadConfig config = config(addresses.subList(0, 1));
      return ConfigChange.of(config)
          .workers(
              List.of(
                  new HeadConfig.Worker(
                      "cpu-0", addresses.getFirst(), addresses.subList(1, addresses.size()))))
          .made();
    }
  }

  private static HeadConfig with(HeadConfig config, List<String> arguments) {
    return ConfigChange.of(config).arguments(arguments).made();
  }

  private static String post(HeadStatus status, String body)
      throws IOException, InterruptedException {
    try (HttpClient http = HttpClient.newHttpClient()) {
      return http.send(
              HttpRequest.newBuilder(URI.create(status.endpoint() + "/chat/completions"))
                  .POST(HttpRequest.BodyPublishers.ofString(body))
                  .build(),
              BodyHandlers.ofString())
          .body();
    }
  }
}
