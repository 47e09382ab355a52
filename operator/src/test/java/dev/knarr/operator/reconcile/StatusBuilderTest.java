// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static dev.knarr.operator.Scene.RUNNING;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.api.v1alpha1.InferenceClusterStatus;
import dev.knarr.api.v1alpha1.SpecRules;
import dev.knarr.api.v1alpha1.WorkerStatus;
import dev.knarr.operator.Scene;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class StatusBuilderTest {
  private static final Pass APPLIED = Pass.applied(Optional.of(Scene.REVISION), Optional.empty());

  private static InferenceClusterStatus build(Scene scene) {
    return StatusBuilder.build(scene.cluster, APPLIED, scene.seen());
  }

  private static InferenceClusterStatus build(Scene scene, Pass pass) {
    return StatusBuilder.build(scene.cluster, pass, scene.seen());
  }

  private static String status(InferenceClusterStatus status, ConditionType type) {
    return Conditions.find(status, type).map(Condition::getStatus).orElseThrow();
  }

  private static Scene lostOne() {
    return Scene.running()
        .head(
            Scene.head(
                "WaitingForWorkers",
                "WorkerLost",
                "Worker a100-1 is lost.",
                Scene.proven("a100-0"),
                Scene.lost("a100-1", "It closed the connection.")));
  }

  @Nested
  class GivenAReadyCluster {
    private final InferenceClusterStatus ready = build(Scene.ready());

    @Test
    void whenItIsShown_thenEverythingIsThere() {
      requireNonNull(ready.getConditions())
          .forEach(condition -> condition.setLastTransitionTime("T"));

      assertThat(Scene.yaml(JsonNode.class, Serialization.asYaml(ready)))
          .isEqualTo(
              Scene.yaml(
                  JsonNode.class,
                  """
              ---
              conditions:
              - lastTransitionTime: "T"
                message: "The endpoint http://glm.models.svc:8080/v1 answers; all 2 workers have computed on each of their devices."
                observedGeneration: 3
                reason: "AsPlanned"
                status: "True"
                type: "Ready"
              - lastTransitionTime: "T"
                message: "Nothing is being changed."
                observedGeneration: 3
                reason: "AsPlanned"
                status: "False"
                type: "Reconciling"
              - lastTransitionTime: "T"
                message: "Nothing waits for a person."
                observedGeneration: 3
                reason: "AsPlanned"
                status: "False"
                type: "Stalled"
              - lastTransitionTime: "T"
                message: "The files of model glm-4.6 are there."
                observedGeneration: 3
                reason: "AsPlanned"
                status: "True"
                type: "ModelAvailable"
              - lastTransitionTime: "T"
                message: "All 2 workers have computed on each of their devices."
                observedGeneration: 3
                reason: "AsPlanned"
                status: "True"
                type: "WorkersReady"
              - lastTransitionTime: "T"
                message: "The layers are on a100-0/0, a100-1/0."
                observedGeneration: 3
                reason: "AsPlanned"
                status: "True"
                type: "Planned"
              - lastTransitionTime: "T"
                message: "llama-server has loaded the model and answers."
                observedGeneration: 3
                reason: "AsPlanned"
                status: "True"
                type: "HeadReady"
              - lastTransitionTime: "T"
                message: "Nothing that was proven is lost."
                observedGeneration: 3
                reason: "AsPlanned"
                status: "False"
                type: "Degraded"
              endpoint: "http://glm.models.svc:8080/v1"
              observedGeneration: 3
              phase: "Ready"
              plan:
                bytesPerToken: "41k"
                devices:
                - free: "11Gi"
                  kv: "3.2Gi"
                  layers: "0-22"
                  name: "a100-0/0"
                  weights: "57.1Gi"
                - free: "11Gi"
                  kv: "3.2Gi"
                  layers: "23-45, output"
                  name: "a100-1/0"
                  weights: "57.1Gi"
              reason: "AsPlanned"
              message: "The endpoint http://glm.models.svc:8080/v1 answers; all 2 workers have computed on each of their devices."
              replicas: 1
              selector: "app.kubernetes.io/instance=glm,app.kubernetes.io/component=head,knarr.dev/cluster=glm"
              tokensPerSecond:
                generation: "19"
                prompt: "320"
              workers:
              - cachedPercent: 97
                devices:
                - memory: "80Gi"
                  name: "a100-0/0"
                name: "a100-0"
                protocol: "8.0.0"
              - cachedPercent: 97
                devices:
                - memory: "80Gi"
                  name: "a100-1/0"
                name: "a100-1"
                protocol: "8.0.0"
              workersReady: "2/2"
              """));
    }

    @Test
    void whenNothingHasChangedLater_thenTheStatusIsTheSame() {
      var later = build(Scene.ready().previous(ready).at(Scene.NOW.plus(Duration.ofMinutes(5))));

      assertThat(StatusReporter.same(ready, later)).isTrue();
    }

    @Test
    void whenAWorkerIsLost_thenItIsDegradedAndNamed() {
      var now = build(lostOne().previous(ready));

      assertThat(now.getPhase()).isEqualTo("Degraded");
      assertThat(now.getReason()).isEqualTo("WorkerLost");
      assertThat(now.getWorkersReady()).isEqualTo("1/2");
      assertThat(status(now, ConditionType.READY)).isEqualTo("False");
      assertThat(status(now, ConditionType.DEGRADED)).isEqualTo("True");
      assertThat(status(now, ConditionType.RECONCILING)).isEqualTo("True");
      assertThat(Conditions.find(now, ConditionType.DEGRADED).orElseThrow().getMessage())
          .contains("a100-1");
      assertThat(now.getWorkers())
          .extracting(WorkerStatus::getLastSeen)
          .containsExactly(null, "2026-11-22T11:59:48Z");
    }

    @Test
    void whenItServesWithoutAWorkerThatCannotStart_thenItIsDegradedAndDoesNotWaitForAPerson() {
      var now =
          build(
              Scene.ready()
                  .worker(
                      "a100-1",
                      ReasonScenes.crashed(
                          "12:00 ERROR The worker cannot run: CacheNotWritable: The cache folder /cache cannot be used."))
                  .head(
                      Scene.head(
                          "Ready",
                          "ReducedPlan",
                          "glm answers without a100-1.",
                          Scene.proven("a100-0"),
                          Scene.lost("a100-1", "It closed the connection.")))
                  .previous(ready));

      assertThat(now.getPhase()).isEqualTo("Degraded");
      assertThat(now.getReason()).isEqualTo("ReducedPlan");
      assertThat(now.getMessage()).contains("part of the workers", "a100-1", "/cache cannot be");
      assertThat(status(now, ConditionType.READY)).isEqualTo("False");
      assertThat(status(now, ConditionType.DEGRADED)).isEqualTo("True");
      assertThat(status(now, ConditionType.STALLED)).isEqualTo("False");
      assertThat(status(now, ConditionType.HEAD_READY)).isEqualTo("True");
      assertThat(status(now, ConditionType.WORKERS_READY)).isEqualTo("False");
    }

    @Test
    void whenAChangedHeadWaitsForTheOneOfBefore_thenThatOneIsSaidToFinish() {
      var now =
          build(
              Scene.empty()
                  .modelDone()
                  .worker("a100-0", RUNNING)
                  .worker("a100-1", RUNNING)
                  .headPod(RUNNING)
                  .deletedAt("2026-11-22T12:01:45Z")
                  .set(2)
                  .deployment("{ replicas: 1 }")
                  .previous(ready));

      assertThat(now.getReason()).isEqualTo("Draining");
      assertThat(now.getMessage()).contains("glm-head-7d9f", "60 s");
    }

    @Test
    void whenTheHeadIsSilent_thenItIsDegraded() {
      var now =
          build(
              Scene.running()
                  .headSilent("The head in pod glm-head-7d9f is not to be reached: x.", true)
                  .previous(ready));

      assertThat(now.getPhase()).isEqualTo("Degraded");
      assertThat(now.getReason()).isEqualTo("HeadUnreachable");
      assertThat(now.getPlan()).usingRecursiveComparison().isEqualTo(ready.getPlan());
      assertThat(now.getWorkersReady()).isEqualTo("0/2");
    }

    @Test
    void whenTheSpecChanges_thenTheHeadOfTheOldRevisionProvesNothing() {
      var scene = Scene.ready().previous(ready);
      scene.cluster.getMetadata().setGeneration(4L);

      var now = build(scene, Pass.applied(Optional.of("another"), Optional.empty()));

      assertThat(now.getPhase()).isEqualTo("Starting");
      assertThat(now.getReason()).isEqualTo("RollingOut");
      assertThat(status(now, ConditionType.READY)).isEqualTo("False");
      assertThat(status(now, ConditionType.DEGRADED)).isEqualTo("False");
      assertThat(now.getWorkersReady()).isEqualTo("0/2");
      assertThat(now.getPlan()).isNull();
    }

    @Test
    void whenNoRevisionIsWanted_thenNoHeadProvesAnything() {
      var now = build(Scene.ready(), Pass.applied(Optional.empty(), Optional.empty()));

      assertThat(status(now, ConditionType.READY)).isEqualTo("False");
    }

    @Test
    void whenItsSpecBecomesInvalid_thenWhatRunsIsStillShown() {
      var scene = Scene.ready().previous(ready).change(c -> c.getSpec().setReplicas(7));

      var now = build(scene, Pass.invalid(SpecRules.check(scene.cluster)));

      assertThat(now.getPhase()).isEqualTo("Failed");
      assertThat(status(now, ConditionType.STALLED)).isEqualTo("True");
      assertThat(now.getEndpoint()).isEqualTo(ready.getEndpoint());
      assertThat(now.getPlan()).usingRecursiveComparison().isEqualTo(ready.getPlan());
    }

    @Test
    void whenAWorkerIsLostWhileItsSpecIsInvalid_thenThatIsShown() {
      var scene =
          Scene.running()
              .previous(ready)
              .change(c -> c.getSpec().setReplicas(7))
              .head(
                  Scene.head(
                      "WaitingForWorkers",
                      "WorkerLost",
                      "…",
                      Scene.proven("a100-0"),
                      Scene.lost("a100-1", "…")));

      var now = build(scene, Pass.invalid(SpecRules.check(scene.cluster)));

      assertThat(now.getReason()).isEqualTo("SpecInvalid");
      assertThat(now.getWorkersReady()).isEqualTo("1/2");
      assertThat(now.getWorkers()).extracting("lastSeen").element(1).isNotNull();
    }

    @Test
    void whenItIsStopped_thenItEndsAndThenRests() {
      var ending = build(Scene.ready().previous(ready).change(c -> c.getSpec().setReplicas(0)));
      var ended = build(Scene.empty().previous(ending).change(c -> c.getSpec().setReplicas(0)));

      assertThat(ending.getPhase()).isEqualTo("Stopped");
      assertThat(status(ending, ConditionType.RECONCILING)).isEqualTo("True");
      assertThat(ended.getPhase()).isEqualTo("Stopped");
      assertThat(status(ended, ConditionType.RECONCILING)).isEqualTo("False");
      assertThat(status(ended, ConditionType.STALLED)).isEqualTo("False");
      assertThat(status(ended, ConditionType.DEGRADED)).isEqualTo("False");
      assertThat(ended.getPlan()).isNull();
    }
  }

  @Nested
  class GivenADegradedCluster {
    private final InferenceClusterStatus degraded = build(lostOne().previous(build(Scene.ready())));

    @Test
    void whileTheWeightsComeBack_thenItStaysDegraded() {
      var now =
          build(
              Scene.running()
                  .head(
                      Scene.head(
                          "Loading",
                          "AsPlanned",
                          "…",
                          Scene.proven("a100-0"),
                          Scene.proven("a100-1")))
                  .previous(degraded));

      assertThat(now.getPhase()).isEqualTo("Degraded");
      assertThat(now.getReason()).isEqualTo("ModelLoading");
      assertThat(now.getWorkersReady()).isEqualTo("2/2");
    }

    @Test
    void whenAllIsBack_thenItIsReady() {
      var now = build(Scene.ready().previous(degraded).at(Scene.NOW.plusSeconds(30)));

      assertThat(now.getPhase()).isEqualTo("Ready");
      assertThat(status(now, ConditionType.DEGRADED)).isEqualTo("False");
      assertThat(Conditions.find(now, ConditionType.READY).orElseThrow().getLastTransitionTime())
          .isEqualTo("2026-11-22T12:00:30Z");
      assertThat(
              Conditions.find(now, ConditionType.MODEL_AVAILABLE)
                  .orElseThrow()
                  .getLastTransitionTime())
          .isEqualTo("2026-11-22T12:00:00Z");
    }
  }

  @Nested
  class GivenAHeadOfAnotherVersion {
    @Test
    void whenItsPhaseIsUnknownHere_thenItIsStarting() {
      var now = build(Scene.running().head(Scene.head("Dreaming", "Sleepy", "Sheep.")));

      assertThat(now.getPhase()).isEqualTo("Starting");
    }

    @Test
    void whenItFailsForAReasonUnknownHere_thenTheReasonReappears() {
      var now = build(Scene.running().head(Scene.head("Failed", "TooSleepy", "Wake it.")));

      assertThat(now.getReason()).isEqualTo("TooSleepy");
      assertThat(now.getPhase()).isEqualTo("Failed");
    }

    @Test
    void whenItsReasonIsNoWord_thenItIsNotRepeated() {
      var now = build(Scene.running().head(Scene.head("Failed", "no word!", "What?")));

      assertThat(now.getReason()).isEqualTo(ConditionReason.INTERNAL_ERROR.value());
    }

    @Test
    void whenItClaimsToServeWithoutWorkers_thenTheClusterIsNotReady() {
      var now = build(Scene.running().head(Scene.head("Ready", "AsPlanned", "Serving.")));

      assertThat(status(now, ConditionType.READY)).isEqualTo("False");
    }

    @Test
    void whenItNamesWorkersOutsideOfTheSpec_thenTheyAreNotShown() {
      var now =
          build(
              Scene.running()
                  .head(
                      Scene.head(
                          "Ready",
                          "AsPlanned",
                          "Serving.",
                          Scene.proven("a100-0"),
                          Scene.proven("a100-1"),
                          Scene.proven("b200-0"))));

      assertThat(now.getWorkers()).hasSize(2);
      assertThat(now.getWorkersReady()).isEqualTo("2/2");
    }
  }

  @Nested
  class GivenSeveralTroubles {
    @Test
    void whenOneWaitsForAPerson_thenItIsToldFirst() {
      var scene =
          lostOne()
              .head(
                  Scene.head(
                      "Failed",
                      "HeadImageUnsuitable",
                      "No RPC. Use another image.",
                      Scene.lost("a100-1", "It closed the connection.")));

      assertThat(build(scene).getReason()).isEqualTo("HeadImageUnsuitable");
    }

    @Test
    void whenAWorkerIsLostWithItsNode_thenTheNodeIsNamed() {
      var now = build(lostOne().node("n1", "has not been ready since 11:59 (silence)"));

      assertThat(now.getReason()).isEqualTo("NodeLost");
    }

    @Test
    void whenAWorkerHasJustStarted_thenItsSilenceIsNoTroubleYet() {
      var scene =
          Scene.empty()
              .modelDone()
              .worker("a100-0", RUNNING)
              .worker("a100-1", RUNNING.replace("11:00:00", "11:59:55"))
              .headPod(RUNNING)
              .head(
                  Scene.head(
                      "ProvingWorkers",
                      "WorkerUnreachable",
                      "…",
                      Scene.proven("a100-0"),
                      Scene.waiting("a100-1", "refused")));

      assertThat(build(scene).getReason()).isEqualTo("WorkersStarting");
    }
  }

  @Nested
  class GivenAHeadThatMissesTheModel {
    private final Scene scene =
        Scene.running().head(Scene.head("Failed", "ModelNotFound", "There is no file m.gguf."));

    @Test
    void whenItIsBroughtOnceMore_thenThatIsWhatGoesOn() {
      var status = build(scene.job("{ active: 1 }"));

      assertThat(status.getPhase()).isEqualTo("Fetching");
      assertThat(status.getReason()).isEqualTo("ModelFetching");
      assertThat(Conditions.isTrue(status, ConditionType.STALLED)).isFalse();
    }

    @Test
    void whenThatHasNotHelped_thenAPersonIsAsked() {
      var status = build(scene.modelDone());

      assertThat(status.getPhase()).isEqualTo("Failed");
      assertThat(Conditions.find(status, ConditionType.MODEL_AVAILABLE).orElseThrow().getReason())
          .isEqualTo("ModelNotFound");
    }
  }

  @Nested
  class GivenFigures {
    @Test
    void whenBytesAreShown_thenWithThreeDigits() {
      assertThat(List.of(0L, 1023L, 1024L, 1010L << 20, 1L << 30, 61310000000L, Long.MAX_VALUE))
          .extracting(HumanUnits::binary)
          .containsExactly("0", "1023", "1Ki", "1010Mi", "1Gi", "57.1Gi", "8Ei");
      assertThat(HumanUnits.binary(-5)).isEqualTo("0");
    }

    @Test
    void whenRatesAreShown_thenAsTheyWereRounded() {
      assertThat(List.of(19.0, 320.0, 0.042, 1200.0))
          .extracting(HumanUnits::rate)
          .containsExactly("19", "320", "0.042", "1200");
    }
  }
}
