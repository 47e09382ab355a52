// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.InferenceClusterStatus;
import dev.knarr.operator.Scene;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class StatusEventsTest {
  private static final Pass APPLIED = Pass.applied(Optional.of(Scene.REVISION), Optional.empty());

  private static InferenceClusterStatus build(Scene scene) {
    return StatusBuilder.build(scene.cluster, APPLIED, scene.seen());
  }

  private static List<String> told(InferenceClusterStatus before, Scene scene, Pass pass) {
    scene.previous(before);
    var after = StatusBuilder.build(scene.cluster, pass, scene.seen());
    return StatusEvents.between(before, after, scene.seen()).stream()
        .map(
            each ->
                "%s %s [%s] %s"
                    .formatted(
                        each.warning() ? "Warning" : "Normal",
                        each.reason(),
                        each.subject(),
                        each.message()))
        .toList();
  }

  private static Scene lost() {
    return Scene.running()
        .head(
            Scene.head(
                "WaitingForWorkers",
                "WorkerLost",
                "Lost.",
                Scene.proven("a100-0"),
                Scene.lost("a100-1", "It closed the connection.")));
  }

  @Test
  void whenAClusterBecomesReady_thenModelPlanAndReadinessAreTold() {
    assertThat(told(build(Scene.empty()), Scene.ready(), APPLIED))
        .containsExactly(
            "Normal ModelAvailable [] The files of model glm-4.6 are there.",
            "Normal PlanMade [] Layers are placed: a100-0/0 has 0-22; a100-1/0 has 23-45, output.",
            "Normal Ready [] The endpoint http://glm.models.svc:8080/v1 answers; all 2 workers have computed on each of their devices.");
  }

  @Test
  void whenAWorkerIsLost_thenItIsToldWithItsName() {
    assertThat(told(build(Scene.ready()), lost(), APPLIED))
        .containsExactly(
            "Warning WorkerLost [a100-1] Worker a100-1 (pod glm-a100-1): It closed the connection. See kubectl logs -n models glm-a100-1.");
  }

  @Test
  void whileItIsLost_thenItIsNotToldAgain() {
    assertThat(told(build(lost()), lost(), APPLIED)).isEmpty();
  }

  @Test
  void whenItIsBack_thenThatIsToldWithTheRestart() {
    assertThat(told(build(lost()), Scene.ready().restarts(1), APPLIED))
        .containsExactly(
            "Normal WorkerBack [a100-1] Worker a100-1 answers again.",
            "Normal LlamaServerRestarted [] The head started llama-server again. Serving.",
            "Normal Ready [] The endpoint http://glm.models.svc:8080/v1 answers; all 2 workers have computed on each of their devices.");
  }

  @Test
  void whenTheLayersMove_thenTheNewPlanIsTold() {
    assertThat(
            told(
                build(Scene.ready()),
                Scene.ready()
                    .head(Scene.readyHead().replace("0-22", "0-20").replace("23-45", "21-45")),
                APPLIED))
        .containsExactly(
            "Normal PlanMade [] Layers are placed anew: a100-0/0 has 0-20; a100-1/0 has 21-45, output.");
  }

  @Test
  void whenPodsAreReplaced_thenBeginAndEndAreTold() {
    var rolling =
        Pass.applied(
            Optional.of(Scene.REVISION),
            Optional.of(
                new Notice(
                    ConditionReason.ROLLING_OUT,
                    "Pods are replaced, because workers are changed in a100.")));

    assertThat(told(build(Scene.ready()), Scene.ready(), rolling))
        .containsExactly(
            "Normal RolloutBegan [] Pods are replaced, because workers are changed in a100.");
    assertThat(
            told(
                StatusBuilder.build(Scene.ready().cluster, rolling, Scene.ready().seen()),
                Scene.running(),
                APPLIED))
        .containsExactly("Normal RolloutEnded [] All pods are what the spec asks for.");
  }
}
