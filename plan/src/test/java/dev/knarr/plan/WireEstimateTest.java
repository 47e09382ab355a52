// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Bytes are compared with those that were counted; see docs/planning.md for the arithmetic. */
class WireEstimateTest {
  private static final WireShape LLAMA_7B = new WireShape(4096, 32_000, 256, 0);
  private static final WireShape GEMMA_1B = new WireShape(1152, 262_144, 512, 512);
  private static final WireShape DEMO = new WireShape(256, 2048, 256, 0);

  /** 2 ms there and back, 10 MB/s and 5 MB/s. */
  private static final LinkSpeed SLOW = new LinkSpeed(2000, 10_000_000, 5_000_000);

  private static WireWorker stock(String name) {
    return new WireWorker(name, false, SLOW, Map.of());
  }

  private static WireWorker routed(String name, String... neighbours) {
    Map<String, LinkSpeed> links = new java.util.HashMap<>();
    for (var neighbour : neighbours) {
      links.put(neighbour, SLOW);
    }
    return new WireWorker(name, true, SLOW, links);
  }

  private static List<WireStop> way(String... workers) {
    return List.of(workers).stream().map(worker -> new WireStop(worker, true)).toList();
  }

  private static double bytes(WireEstimate wire, String from, String to) {
    return wire.links().stream()
        .filter(link -> link.from().equals(from) && link.to().equals(to))
        .mapToDouble(LinkLoad::bytesPerToken)
        .sum();
  }

  @Nested
  class GivenStockWorkers {

    @Test
    void whenThereIsOne_thenTheBytesAreThoseThatWereCountedForLlamaBench() {
      var llama = WireEstimate.of(LLAMA_7B, way("a"), List.of(stock("a")), Sampling.LOGITS);
      var demo = WireEstimate.of(DEMO, way("a"), List.of(stock("a")), Sampling.LOGITS);

      // docs/benchmarks.md, tg32 and tg64: counted on the relay.
      assertThat(llama.bytesPerToken()).isEqualTo(180_872);
      assertThat(demo.bytesPerToken()).isEqualTo(14_984);
      assertThat(llama.roundTrips()).isEqualTo(1);
    }

    @Test
    void whenAPromptIsProcessed_thenTheBytesAreThoseThatWereCounted() {
      // pp512 begins with an empty cache: its mask has 512 columns.
      var llama =
          WireEstimate.of(
              new WireShape(4096, 32_000, 512, 0), way("a"), List.of(stock("a")), Sampling.LOGITS);

      assertThat(llama.promptBytesPerToken()).isEqualTo(50_460);
    }

    @Test
    void whenThereAreTwo_thenTheActivationGoesUpAndDown() {
      var wire =
          WireEstimate.of(DEMO, way("a", "b"), List.of(stock("a"), stock("b")), Sampling.LOGITS);

      // Counted message by message in a trace of llama-server 0.7.0.
      assertThat(bytes(wire, "head", "a"))
          .isEqualTo(3 * 1338 + 322 + 318 + 322 + 322 + 826 + 21 + 321);
      assertThat(bytes(wire, "a", "head")).isEqualTo(8 + 1024);
      assertThat(bytes(wire, "head", "b")).isEqualTo(1338 + 318 + 322 + 322 + 826 + 318 + 21 + 321);
      assertThat(bytes(wire, "b", "head")).isEqualTo(8 + 8192);
      assertThat(wire.roundTrips()).isEqualTo(2);
    }

    @Test
    void whenTheModelHasASlidingWindow_thenASecondMaskCrosses() {
      var shape = new WireShape(1152, 262_144, 4096, 1024);
      var plain = new WireShape(1152, 262_144, 4096, 0);

      var with = WireEstimate.of(shape, way("a"), List.of(stock("a")), Sampling.LOGITS);
      var without = WireEstimate.of(plain, way("a"), List.of(stock("a")), Sampling.LOGITS);

      assertThat(with.bytesPerToken() - without.bytesPerToken())
          .isEqualTo(2 * 322 + 2 * 1024 + 314);
    }

    @Test
    void whenTokensAreChosenInTheGraph_thenEachReadCostsARoundTrip() {
      var wire = WireEstimate.of(LLAMA_7B, way("a"), List.of(stock("a")), Sampling.GRAPH);

      assertThat(bytes(wire, "a", "head")).isEqualTo(4 * 8 + 484);
      assertThat(wire.roundTrips()).isEqualTo(4);
    }

    @Test
    void whenAWorkerHasTwoDevices_thenTheCopyBetweenThemIsWaitedFor() {
      var wire = WireEstimate.of(DEMO, way("a", "a"), List.of(stock("a")), Sampling.LOGITS);

      assertThat(bytes(wire, "a", "head")).isEqualTo(9 + 8 + 8192);
      assertThat(wire.roundTrips()).isEqualTo(2);
    }
  }

  @Nested
  class GivenRoutedWorkers {

    @Test
    void whenTheyReachEachOther_thenATokenGoesRoundOnce() {
      var workers = List.of(routed("a", "b"), routed("b", "c"), routed("c"));
      var wire = WireEstimate.of(LLAMA_7B, way("a", "b", "c"), workers, Sampling.GRAPH);

      assertThat(wire.roundTrips()).isEqualTo(1);
      assertThat(bytes(wire, "head", "a")).isBetween(4.0 * 4096, 4.0 * 4096 + 300);
      assertThat(bytes(wire, "a", "b")).isEqualTo(4 * 4096);
      assertThat(bytes(wire, "b", "c")).isEqualTo(4 * 4096);
      assertThat(bytes(wire, "c", "head")).isEqualTo(484);
      assertThat(wire.bytesPerToken()).isLessThan((long) (1.1 * 3 * 4 * 4096 + 300 * 3 + 500));
    }

    @Test
    void whenLinksAreMeasured_thenTheWaitIsWaysAndBytes() {
      var workers = List.of(routed("a", "b"), routed("b"));
      var wire = WireEstimate.of(LLAMA_7B, way("a", "b"), workers, Sampling.LOGITS);

      double inputs = bytes(wire, "head", "a") / 10; // µs at 10 MB/s
      double expected = 3 * 1000 + inputs + 16_384 / 10.0 + 128_000 / 5.0;
      assertThat(wire.latencyMicros().orElseThrow()).isCloseTo(expected, within(0.001));
      assertThat(wire.tokensPerSecond().orElseThrow()).isCloseTo(1e6 / expected, within(0.001));
      assertThat(wire.promptTokensPerSecond().orElseThrow())
          .isCloseTo(10e6 / (16_384 + 70 / 512.0), within(0.1));
      assertThat(wire.slowest().orElseThrow().name()).isEqualTo("b → head");
    }

    @Test
    void whenTheyDoNotReachEachOther_thenTheActivationGoesOverTheHead() {
      var workers = List.of(routed("a"), routed("b"));
      var wire = WireEstimate.of(LLAMA_7B, way("a", "b"), workers, Sampling.GRAPH);

      assertThat(wire.roundTrips()).isEqualTo(2);
      assertThat(bytes(wire, "a", "head")).isEqualTo(16_384);
    }

    @Test
    void whenOneOfThemIsAStockWorker_thenOnlyItsWaysAreLong() {
      var workers = List.of(routed("a", "b"), routed("b"), stock("c"));
      var wire = WireEstimate.of(LLAMA_7B, way("a", "b", "c"), workers, Sampling.LOGITS);

      assertThat(bytes(wire, "a", "b")).isEqualTo(16_384);
      assertThat(bytes(wire, "b", "head")).isEqualTo(16_384);
      assertThat(wire.roundTrips()).isEqualTo(2);
    }

    @Test
    void whenAWorkerHasTwoDevices_thenNothingCrossesBetweenThem() {
      var wire = WireEstimate.of(DEMO, way("a", "a"), List.of(routed("a")), Sampling.GRAPH);

      assertThat(wire.roundTrips()).isEqualTo(1);
      assertThat(wire.links()).extracting(LinkLoad::name).containsExactly("head → a", "a → head");
    }
  }

  @Nested
  class GivenDevicesOfTheHead {

    @Test
    void whenTheyAreAtBothEnds_thenActivationsCrossAndNothingElse() {
      var wire =
          WireEstimate.of(GEMMA_1B, way("head", "a", "head"), List.of(routed("a")), Sampling.HEAD);

      assertThat(bytes(wire, "head", "a")).isBetween(4.0 * 1152, 4.0 * 1152 + 300);
      assertThat(bytes(wire, "a", "head")).isEqualTo(4 * 1152);
      assertThat(wire.roundTrips()).isEqualTo(1);
    }

    @Test
    void whenOneHasTheOutputAlone_thenAPromptSendsOneRow() {
      var stops = List.of(new WireStop("a", true), new WireStop("head", false));
      var wire = WireEstimate.of(GEMMA_1B, stops, List.of(routed("a")), Sampling.HEAD);

      assertThat(wire.links().getLast().promptBytesPerToken()).isEqualTo(4 * 1152 / 512.0);
    }

    @Test
    void whenThereIsNothingElse_thenNothingCrosses() {
      var wire = WireEstimate.of(DEMO, way("head"), List.of(), Sampling.HEAD);

      assertThat(wire.bytesPerToken()).isZero();
      assertThat(wire.roundTrips()).isZero();
      assertThat(wire.tokensPerSecond()).isEmpty();
      assertThat(wire.bottleneck()).isEmpty();
    }
  }

  @Nested
  class GivenABottleneck {

    @Test
    void whenLogitsTakeLongest_thenTheyAreNamed() {
      var wire = WireEstimate.of(GEMMA_1B, way("a"), List.of(routed("a")), Sampling.LOGITS);

      assertThat(wire.bottleneck().orElseThrow())
          .startsWith("The network alone allows 4.7 tokens/s")
          .contains("for a → head (1.0 MiB at 5.0 MB/s, round trip 2.0 ms)")
          .contains("Most of it are logits");
    }

    @Test
    void whenStockWorkersAreFar_thenTheirRoundTripsAreNamed() {
      var far = new LinkSpeed(40_000, 1e9, 1e9);
      var workers =
          List.of(
              new WireWorker("a", false, far, Map.of()), new WireWorker("b", false, far, Map.of()));
      var wire = WireEstimate.of(DEMO, way("a", "b"), workers, Sampling.LOGITS);

      assertThat(wire.bottleneck().orElseThrow())
          .startsWith("The network alone allows 12.5 tokens/s")
          .contains("Each stock worker costs a round trip of its own");
    }

    @Test
    void whenWorkersDoNotReachEachOther_thenThatIsNamed() {
      var far = new LinkSpeed(40_000, 1e9, 1e9);
      var workers =
          List.of(
              new WireWorker("a", true, far, Map.of()), new WireWorker("b", true, far, Map.of()));
      var wire = WireEstimate.of(DEMO, way("a", "b"), workers, Sampling.GRAPH);

      assertThat(wire.bottleneck().orElseThrow()).contains("do not reach each other");
    }

    @Test
    void whenTheNetworkIsSimplySlow_thenAFasterOneIsAdvised() {
      var slow = new LinkSpeed(200, 200_000, 200_000);
      var wire =
          WireEstimate.of(
              LLAMA_7B,
              way("a"),
              List.of(new WireWorker("a", true, slow, Map.of())),
              Sampling.GRAPH);

      assertThat(wire.bottleneck().orElseThrow()).contains("A faster network between these two");
    }

    @Test
    void whenLinksAreFast_thenThereIsNoWarning() {
      var fast = new LinkSpeed(100, 1e9, 1e9);
      var wire =
          WireEstimate.of(
              LLAMA_7B,
              way("a"),
              List.of(new WireWorker("a", true, fast, Map.of())),
              Sampling.GRAPH);

      assertThat(wire.tokensPerSecond()).isPresent();
      assertThat(wire.bottleneck()).isEmpty();
    }

    @Test
    void whenALinkIsUnmeasured_thenNoRateIsInvented() {
      var unknown = new WireWorker("a", true, LinkSpeed.UNMEASURED, Map.of());
      var wire = WireEstimate.of(LLAMA_7B, way("a"), List.of(unknown), Sampling.LOGITS);

      assertThat(wire.bytesPerToken()).isPositive();
      assertThat(wire.latencyMicros()).isEmpty();
      assertThat(wire.tokensPerSecond()).isEmpty();
      assertThat(wire.promptTokensPerSecond()).isEmpty();
      assertThat(wire.bottleneck()).isEmpty();
    }
  }

  @Test
  void whenAStopNamesAnUnknownWorker_thenItIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WireEstimate.of(DEMO, way("b"), List.of(stock("a")), Sampling.LOGITS))
        .withMessageContaining("worker b");
  }
}
