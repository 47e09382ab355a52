// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import static org.assertj.core.api.Assertions.assertThat;

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

  private static SamplingChoice choice(
      WireShape shape, boolean routed, LinkSpeed link, Optional<Sampling> wanted) {
    return SamplingChoice.of(
        shape,
        List.of(new WireStop("a", true)),
        List.of(new WireWorker("a", routed, link, Map.of())),
        wanted);
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
            Optional.empty());

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
