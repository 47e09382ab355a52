// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.rollout.RolloutDecision.Step;
import dev.knarr.operator.rollout.RolloutState.Group;
import dev.knarr.operator.rollout.RolloutState.RunningPod;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class RolloutDecisionTest {
  private static final List<RunningPod> HEAD = List.of(new RunningPod("c-head-x", "h1", false));

  private static Group group(String name, int wanted, int running, String... revisions) {
    var pods =
        IntStream.range(0, revisions.length)
            .mapToObj(i -> new RunningPod("c-" + name + "-" + i, revisions[i], false))
            .toList();
    return new Group(name, wanted, running, "new", true, pods);
  }

  private static RolloutDecision decide(int replicas, List<RunningPod> head, Group... groups) {
    return RolloutDecision.of(new RolloutState(replicas, head, List.of(groups)));
  }

  @Nested
  class GivenNothingRuns {
    @Test
    void whenAClusterIsNew_thenWorkersAndHeadStartTogether() {
      var decision = decide(1, List.of(), group("a", 2, 0), group("b", 1, 0));

      assertThat(decision.headReplicas()).isEqualTo(1);
      assertThat(decision.workerReplicas()).isEqualTo(Map.of("a", 2, "b", 1));
      assertThat(decision.step()).isEmpty();
    }

    @Test
    void whenItIsMadeWithoutReplicas_thenNothingStarts() {
      var decision = decide(0, List.of(), group("a", 2, 0));

      assertThat(decision.headReplicas()).isZero();
      assertThat(decision.workerReplicas()).isEqualTo(Map.of("a", 0));
      assertThat(decision.step()).isEmpty();
    }
  }

  @Nested
  class GivenAHeadThatServes {
    @Test
    void whenNothingHasChanged_thenNothingHappens() {
      var decision = decide(1, HEAD, group("a", 2, 2, "new", "new"));

      assertThat(decision)
          .extracting(RolloutDecision::headReplicas, RolloutDecision::deletePods)
          .containsExactly(1, List.of());
      assertThat(decision.step()).isEmpty();
    }

    @Test
    void whenWorkersAreChanged_thenTheHeadFinishesFirst() {
      var decision = decide(1, HEAD, group("a", 2, 2, "old", "old"), group("b", 1, 1, "new"));

      assertThat(decision.headReplicas()).isZero();
      assertThat(decision.deletePods()).isEmpty();
      assertThat(decision.step())
          .contains(
              new Step(
                  ConditionReason.DRAINING,
                  "The head finishes its answers and ends, because workers are changed in a."));
    }

    @Test
    void whenAGroupShrinksOrIsRemoved_thenItsWorkersStayWhileTheHeadFinishes() {
      var decision = decide(1, HEAD, group("a", 1, 2, "new", "new"), group("gone", 0, 1, "new"));

      assertThat(decision.headReplicas()).isZero();
      assertThat(decision.workerReplicas()).isEqualTo(Map.of("a", 2, "gone", 1));
      assertThat(decision.step().orElseThrow().sentence())
          .isEqualTo(
              "The head finishes its answers and ends, because there are fewer workers in a, gone.");
    }

    @Test
    void whenAGroupGrows_thenItsWorkersStartBesideTheHead() {
      var decision = decide(1, HEAD, group("a", 3, 2, "new", "new"));

      assertThat(decision.headReplicas()).isEqualTo(1);
      assertThat(decision.workerReplicas()).isEqualTo(Map.of("a", 3));
    }

    @Test
    void whenItIsStopped_thenWorkersStayUntilTheHeadHasFinished() {
      var draining = decide(0, HEAD, group("a", 2, 2, "new", "new"));
      var after = decide(0, List.of(), group("a", 2, 2, "new", "new"));
      var stopped = decide(0, List.of(), group("a", 2, 0));

      assertThat(draining.workerReplicas()).isEqualTo(Map.of("a", 2));
      assertThat(draining.step().orElseThrow().reason()).isEqualTo(ConditionReason.DRAINING);
      assertThat(after.workerReplicas()).isEqualTo(Map.of("a", 0));
      assertThat(after.step().orElseThrow().sentence()).contains("replicas is 0");
      assertThat(stopped.step()).isEmpty();
    }
  }

  @Nested
  class GivenAHeadThatHasEnded {
    @Test
    void whenWorkersAreOutdated_thenTheyGoTogetherAndTheHeadWaits() {
      var decision = decide(1, List.of(), group("a", 2, 2, "old", "old"), group("b", 1, 1, "new"));

      assertThat(decision.headReplicas()).isZero();
      assertThat(decision.deletePods()).containsExactly("c-a-0", "c-a-1");
      assertThat(decision.step().orElseThrow().reason()).isEqualTo(ConditionReason.ROLLING_OUT);
    }

    @Test
    void whenTheyHaveBeenToldToEnd_thenTheyAreNotToldAgain() {
      var ending = new Group("a", 1, 1, "new", true, List.of(new RunningPod("c-a-0", "old", true)));

      var decision = decide(1, List.of(), ending);

      assertThat(decision.deletePods()).isEmpty();
      assertThat(decision.headReplicas()).isZero();
    }

    @Test
    void whenTheNewTemplateIsRefusedOrNotSeenYet_thenHeadAndPodsStay() {
      var unseen =
          new Group("a", 1, 1, "new", false, List.of(new RunningPod("c-a-0", "old", false)));

      assertThat(decide(1, List.of(), unseen).deletePods()).isEmpty();
      assertThat(decide(1, HEAD, unseen).headReplicas()).isEqualTo(1);
    }

    @Test
    void whenTheNewRevisionNeverStartsAndTheSpecGoesBack_thenItsPodsGoToo() {
      var back = decide(1, HEAD, group("a", 1, 1, "bad"));

      assertThat(back.headReplicas()).isZero();
      assertThat(decide(1, List.of(), group("a", 1, 1, "bad")).deletePods())
          .containsExactly("c-a-0");
      assertThat(decide(1, List.of(), group("a", 1, 1, "new")).headReplicas()).isEqualTo(1);
    }
  }
}
