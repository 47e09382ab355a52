// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import static dev.knarr.operator.Scene.RUNNING;
import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.Scene;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.time.Duration;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What {@code ReasonsTest} does not show: the variants of a trouble, and what is none. */
class PodDiagnosisTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static Finding only(Scene scene) {
    var findings = PodDiagnosis.diagnose(scene.seen());
    assertThat(findings).hasSize(1);
    return findings.getFirst();
  }

  private static String container(String state, String last) {
    return """
        phase: Running
        containerStatuses:
          - { name: CONTAINER, ready: false, restartCount: 3, image: i, state: %s, lastState: %s }
        """
        .formatted(state, last);
  }

  private static String waiting(String reason, String message) {
    return container(
        "{ waiting: { reason: %s, message: %s } }".formatted(reason, Serialization.asJson(message)),
        "{ }");
  }

  private static PodView pod(Scene scene) {
    return scene.seen().podsOf(Part.WORKER).getFirst();
  }

  @Nested
  class GivenAContainer {
    @Test
    void whenItsSecretIsMissing_thenThatIsNamed() {
      var found =
          only(
              Scene.empty()
                  .headPod(waiting("CreateContainerConfigError", "secret \"glm-key\" not found")));

      assertThat(found.reason()).isEqualTo(ConditionReason.MOUNT_FAILED);
      assertThat(found.message())
          .isEqualTo(
              "Container head of pod glm-head-7d9f on node n2 cannot be started: secret \"glm-key\" not found. Create what is missing; the pod goes on by itself.");
    }

    @Test
    void whenItsImageRunsAsRoot_thenTheKubeletIsQuoted() {
      var found =
          only(
              Scene.empty()
                  .headPod(
                      waiting(
                          "CreateContainerConfigError",
                          "container has runAsNonRoot and image will run as root")));

      assertThat(found.reason()).isEqualTo(ConditionReason.CONTAINER_CRASHES);
      assertThat(found.message())
          .contains("cannot be started (CreateContainerConfigError): container has runAsNonRoot");
    }

    @Test
    void whenItEndsBySignal_thenTheExitCodeIsTold() {
      var found =
          only(
              Scene.empty()
                  .worker(
                      "a100-0",
                      container(
                          "{ waiting: { reason: CrashLoopBackOff } }",
                          "{ terminated: { exitCode: 139, reason: Error } }")));

      assertThat(found.message())
          .startsWith(
              "Container worker of pod glm-a100-0 on node n1 ended with exit code 139 after 3 restarts. See kubectl logs");
    }

    @Test
    void whenItHasRunForLongSinceItsLastEnd_thenThatIsHistory() {
      assertThat(
              PodDiagnosis.diagnose(
                  Scene.empty()
                      .worker(
                          "a100-0",
                          container(
                              "{ running: { startedAt: \"2026-11-22T11:50:00Z\" } }",
                              "{ terminated: { exitCode: 1, reason: Error } }"))
                      .seen()))
          .isEmpty();
    }

    @Test
    void whenItHasDoneItsWork_thenThatIsNoTrouble() {
      assertThat(
              PodDiagnosis.diagnose(
                  Scene.empty()
                      .modelPod(
                          container("{ terminated: { exitCode: 0, reason: Completed } }", "{ }"))
                      .seen()))
          .isEmpty();
    }

    @Test
    void whenItsLastWordsAreEndless_thenTheyAreCut() {
      var found =
          only(
              Scene.empty()
                  .worker(
                      "a100-0",
                      container(
                          "{ terminated: { exitCode: 1, message: %s } }"
                              .formatted("x".repeat(4096)),
                          "{ }")));

      assertThat(found.message()).hasSizeLessThan(1000).contains("xxx…");
    }
  }

  @Nested
  class GivenAPod {
    @Test
    void whenItsNodeEvictsIt_thenTheNodeIsQuoted() {
      var found =
          only(
              Scene.empty()
                  .worker(
                      "a100-0",
                      "{ phase: Failed, reason: Evicted, message: 'Usage of EmptyDir volume \"cache\" exceeds the limit \"20Gi\".' }"));

      assertThat(found.message())
          .startsWith(
              "The node ended pod glm-a100-0 on node n1 (Evicted): Usage of EmptyDir volume \"cache\" exceeds the limit \"20Gi\". See");
    }

    @Test
    void whenItIsToldToEnd_thenItsContainersAreNoTrouble() {
      assertThat(
              PodDiagnosis.diagnose(
                  Scene.empty()
                      .worker(
                          "a100-0",
                          container("{ terminated: { exitCode: 143, reason: Error } }", "{ }"))
                      .deletedAt("2026-11-22T12:00:30Z")
                      .seen()))
          .isEmpty();
    }

    @Test
    void whenItsSandboxCannotBeMade_thenTheNodeIsToBlame() {
      var found =
          only(
              Scene.empty()
                  .worker("a100-0", "{ phase: Pending }")
                  .event("glm-a100-0", "FailedCreatePodSandBox", "no IP addresses available"));

      assertThat(found.message())
          .isEqualTo(
              "The node cannot set up pod glm-a100-0 on node n1 (FailedCreatePodSandBox): no IP addresses available. Look at the node's kubelet and network plugin.");
    }

    @Test
    void whenItsClaimHasLostItsVolume_thenThatIsNamed() {
      var found =
          only(
              Scene.empty()
                  .pendingWorker(
                      "a100-0",
                      "volumes: [ { name: m, persistentVolumeClaim: { claimName: models } } ]",
                      "{ phase: Pending, conditions: [ { type: PodScheduled, status: \"False\", reason: Unschedulable, message: persistentvolumeclaim \"models\" bound to non-existent persistentvolume } ] }")
                  .claim(
                      "models", "{ metadata: { name: models, uid: u }, status: { phase: Lost } }"));

      assertThat(found.message())
          .isEqualTo(
              "Pod glm-a100-0 waits for its volumes. The volume of claim models is gone: delete the claim and make it anew.");
    }

    @Test
    void whenItsClaimIsBoundOutOfReach_thenTheSchedulerIsQuoted() {
      var found =
          only(
              Scene.empty()
                  .pendingWorker(
                      "a100-0",
                      "",
                      "{ phase: Pending, conditions: [ { type: PodScheduled, status: \"False\", reason: Unschedulable, message: \"0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity\" } ] }"));

      assertThat(found.reason()).isEqualTo(ConditionReason.CLAIM_PENDING);
      assertThat(found.message()).contains("didn't match PersistentVolume's node affinity.");
    }
  }

  @Nested
  class GivenPodsThatAreNotMade {
    @Test
    void whenAllAreThere_thenAnOldEventIsNoTrouble() {
      assertThat(
              PodDiagnosis.diagnose(
                  Scene.running().event("glm-a100", "FailedCreate", "exceeded quota").seen()))
          .isEmpty();
    }

    @Test
    void whenTheModelsPodIsRefused_thenItsJobSaysSo() {
      var found =
          only(
              Scene.empty()
                  .job("{ }")
                  .event(
                      "glm-model",
                      "FailedCreate",
                      "Error creating: pods \"x\" is forbidden: maximum memory usage per Container is 1Gi"));

      assertThat(found.reason()).isEqualTo(ConditionReason.PODS_REFUSED);
      assertThat(found.message())
          .startsWith("Kubernetes refuses the pod that brings the model: Error creating")
          .endsWith("a limit range, a policy or an admission webhook.");
    }
  }

  @Nested
  class GivenANode {
    @Test
    void whenKubernetesTakesReadyFromItsPods_thenItIsInDoubt() {
      var scene =
          Scene.empty()
              .worker(
                  "a100-0",
                  RUNNING.replaceFirst(
                      "type: Ready, status: \"True\"", "type: Ready, status: \"False\""));

      assertThat(pod(scene).nodeInDoubt(Scene.NOW, PATIENCE)).isTrue();
    }

    @Test
    void whenItsPodIsReady_thenItIsNot() {
      assertThat(pod(Scene.running()).nodeInDoubt(Scene.NOW, PATIENCE)).isFalse();
    }

    @Test
    void whenItsPodDoesNotEndInTime_thenItIsInDoubt() {
      var scene = Scene.empty().worker("a100-0", RUNNING).deletedAt("2026-11-22T11:59:49Z");

      assertThat(pod(scene).nodeInDoubt(Scene.NOW, PATIENCE)).isTrue();
    }

    @Test
    void whenItIsGone_thenItsPodsSaySo() {
      assertThat(
              only(Scene.empty()
                      .worker("a100-0", RUNNING)
                      .node("n1", "is no longer part of the cluster"))
                  .message())
          .startsWith("Node n1 of pod glm-a100-0 is no longer part of the cluster.");
    }
  }
}
