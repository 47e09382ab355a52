// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class SamplingChoiceTest {
  private static final WireShape GEMMA_1B = new WireShape(1152, 262_144, 512, 512);
  private static final WireShape DEMO = new WireShape(256, 2048, 256, 0);

  private static final LinkSpeed LOOPBACK = new LinkSpeed(30, 3e9, 3e9);
  private static final LinkSpeed HUNDRED_MBIT = new LinkSpeed(400, 11.8e6, 11.8e6);

  /** Far away and wide: round trips cost more than bytes. */
  private static final LinkSpeed FAR = new LinkSpeed(20_000, 1e9, 1e9);

  /** As its tied embedding is with Q8_0. */
  private static final long OUTPUT_BYTES = 320_864_256;

  private static final double FAST_READER = 100e9;
  private static final double SLOW_READER = 0.1e9;

  private static SamplingChoice choice(
      WireShape shape, boolean routed, LinkSpeed link, Optional<Sampling> wanted) {
    return choice(shape, routed, link, wanted(wanted, OutputPlace.AUTO, SLOW_READER));
  }

  private static SamplingChoice choice(
      WireShape shape, boolean routed, LinkSpeed link, SamplingChoice.Wanted wanted) {
    return SamplingChoice.of(
        shape,
        List.of(new WireStop("a", true)),
        List.of(new WireWorker("a", routed, link, Map.of())),
        wanted);
  }

  private static SamplingChoice.Wanted wanted(
      Optional<Sampling> sampling, OutputPlace output, double readBytesPerSecond) {
    return new SamplingChoice.Wanted(
        sampling,
        output,
        OUTPUT_BYTES,
        Optional.of(new HeadProcessor(1L << 40, () -> readBytesPerSecond)));
  }

  private static double headMillis(SamplingChoice choice) {
    return choice.costs().getLast().headMicros() / 1000;
  }

  @Nested
  class GivenARoutedWorker {

    @Test
    void whenLogitsAreManyAndTheLinkIsSlow_thenTheGraphChooses() {
      var choice = choice(GEMMA_1B, true, HUNDRED_MBIT, Optional.empty());

      assertThat(choice.sampling()).isEqualTo(Sampling.GRAPH);
      assertThat(choice.byUser()).isFalse();
      // 1 048 576 - 484 bytes at 11.8 MB/s
      assertThat(choice.reason()).contains("262,144 tokens are 1.0 MiB").contains("saves 88.82 of");
      assertThat(choice.costs())
          .extracting(SamplingChoice.SamplingCost::sampling)
          .containsExactly(Sampling.LOGITS, Sampling.GRAPH, Sampling.HEAD);
      assertThat(choice.costs().get(1).roundTrips()).isEqualTo(1);
      assertThat(choice.costs().get(2).bytes()).isEqualTo(4 * 1152 + 70 + 4 * 1152);
    }

    @Test
    void whenLittleIsSaved_thenLogitsStay() {
      var choice = choice(DEMO, true, LOOPBACK, Optional.empty());

      assertThat(choice.sampling()).isEqualTo(Sampling.LOGITS);
      assertThat(choice.reason()).endsWith("That is not worth the change.");
    }
  }

  @Nested
  class GivenAStockWorker {

    @Test
    void whenItIsFarAway_thenItsReadsCostMoreThanLogits() {
      var choice = choice(GEMMA_1B, false, FAR, Optional.empty());

      assertThat(choice.sampling()).isEqualTo(Sampling.LOGITS);
      assertThat(choice.reason()).contains("cross faster than the 3 more round trips");
    }

    @Test
    void whenTheLinkIsNarrow_thenTheGraphChoosesAllTheSame() {
      assertThat(choice(GEMMA_1B, false, HUNDRED_MBIT, Optional.empty()).sampling())
          .isEqualTo(Sampling.GRAPH);
    }
  }

  @Nested
  class GivenAProcessorOfTheHead {
    private static final LinkSpeed FAR_AND_NARROW = new LinkSpeed(10_000, 11.8e6, 11.8e6);

    private SamplingChoice auto(boolean routed, double readBytesPerSecond) {
      return choice(
          GEMMA_1B,
          routed,
          FAR_AND_NARROW,
          wanted(Optional.empty(), OutputPlace.AUTO, readBytesPerSecond));
    }

    @Test
    void whenAStockWorkerIsFarAndLogitsAreMany_thenItTakesTheOutput() {
      var choice = auto(false, FAST_READER);

      assertThat(choice.sampling()).isEqualTo(Sampling.HEAD);
      assertThat(choice.byUser()).isFalse();
      // 306 MiB at 100 GB/s, and 1 MiB of logits over loopback; three round trips more without.
      assertThat(headMillis(choice)).isCloseTo(3.21 + 0.52, within(0.01));
      assertThat(choice.costs().get(1).micros() - choice.costs().get(2).micros())
          .isCloseTo(30_000, within(500.0));
      assertThat(choice.reason())
          .contains("an activation of 4.5 KiB crosses instead of")
          .contains("+ 3.73 ms of each token");
    }

    @Test
    void whenItReadsMemoryTooSlowly_thenItDoesNot() {
      var choice = auto(false, SLOW_READER);

      assertThat(choice.sampling()).isEqualTo(Sampling.GRAPH);
      assertThat(headMillis(choice)).isGreaterThan(3000);
    }

    @Test
    void whenTheGraphCostsNoRoundTrips_thenItIsNotEvenMeasured() {
      var choice =
          choice(
              GEMMA_1B,
              true,
              FAR_AND_NARROW,
              new SamplingChoice.Wanted(
                  Optional.empty(),
                  OutputPlace.AUTO,
                  OUTPUT_BYTES,
                  Optional.of(
                      new HeadProcessor(
                          1L << 40,
                          () -> {
                            throw new AssertionError("measured");
                          }))));

      assertThat(choice.sampling()).isEqualTo(Sampling.GRAPH);
      assertThat(choice.reason())
          .contains("A request that reads all logits (n_probs, a grammar, a JSON schema) takes")
          .contains("with spec.split.output Head none does, while the head's CPU reads 306.0 MiB");
    }

    @Test
    void whenTheOutputIsToStayWithTheLayers_thenItDoes() {
      var choice =
          choice(
              GEMMA_1B,
              false,
              FAR_AND_NARROW,
              wanted(Optional.empty(), OutputPlace.LAYERS, FAST_READER));

      assertThat(choice.sampling()).isEqualTo(Sampling.GRAPH);
      assertThat(choice.reason()).doesNotContain("spec.split.output");
    }

    @Test
    void whenTheUserWantsIt_thenItTakesTheOutputAndItsCostIsSaid() {
      var choice =
          choice(
              GEMMA_1B,
              true,
              HUNDRED_MBIT,
              wanted(Optional.of(Sampling.GRAPH), OutputPlace.HEAD, SLOW_READER));

      assertThat(choice.sampling()).isEqualTo(Sampling.HEAD);
      assertThat(choice.byUser()).isTrue();
      assertThat(choice.reason()).startsWith("spec.split.output says so.").contains("+ 3209.17 ms");
    }

    @Test
    void whenTheUserWantsLogits_thenTheyCross() {
      var choice =
          choice(
              GEMMA_1B,
              false,
              FAR_AND_NARROW,
              wanted(Optional.of(Sampling.LOGITS), OutputPlace.AUTO, FAST_READER));

      assertThat(choice.sampling()).isEqualTo(Sampling.LOGITS);
    }
  }

  @Nested
  class GivenAUsersWish {

    @Test
    void whenItContradictsTheFigures_thenItIsFollowedAndBothAreSaid() {
      var choice = choice(GEMMA_1B, true, HUNDRED_MBIT, Optional.of(Sampling.LOGITS));

      assertThat(choice.sampling()).isEqualTo(Sampling.LOGITS);
      assertThat(choice.byUser()).isTrue();
      assertThat(choice.reason()).startsWith("The arguments").contains("saves 88.82 of");
    }
  }

  @Test
  void whenTheOutputIsOnTheHead_thenThereIsNothingToChoose() {
    var choice =
        SamplingChoice.of(
            GEMMA_1B,
            List.of(new WireStop("a", true), new WireStop("head", false)),
            List.of(new WireWorker("a", true, HUNDRED_MBIT, Map.of())),
            wanted(Optional.empty(), OutputPlace.AUTO, FAST_READER));

    assertThat(choice.sampling()).isEqualTo(Sampling.HEAD);
    assertThat(choice.costs()).hasSize(1);
  }

  @Test
  void whenLinksAreUnmeasured_thenNothingIsChanged() {
    var choice = choice(GEMMA_1B, true, LinkSpeed.UNMEASURED, Optional.empty());

    assertThat(choice.sampling()).isEqualTo(Sampling.LOGITS);
    assertThat(choice.reason()).contains("not measured");
  }
}
