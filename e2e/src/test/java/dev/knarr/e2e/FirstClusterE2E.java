// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.ConditionType;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Pod;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.ExtendWith;

/** The life of the example cluster, with the chart and the images of a user. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@ExtendWith(RealCluster.class)
class FirstClusterE2E {
  private static final Duration LIMIT = Duration.ofMinutes(5);

  private Kubernetes kubernetes;
  private ServedModel model;

  @BeforeAll
  void find(Kubernetes running) {
    kubernetes = running;
    model = new ServedModel(kubernetes, "demo");
  }

  @Test
  @Order(1)
  void whenTheExampleIsApplied_thenTheModelAnswersThroughTheService() {
    assertThat(kubernetes.answer()).contains(ServedModel.RIGHT);
    assertThat(model.get().getStatus().getWorkersReady()).isEqualTo("2/2");
    // Fails with a warning for each pod that this level would refuse.
    kubernetes.kubectl(
        "label",
        "--dry-run=server",
        "--warnings-as-errors",
        "--overwrite",
        "namespaces",
        "default",
        "knarr-system",
        "pod-security.kubernetes.io/enforce=restricted");
  }

  @Test
  @Order(2)
  void whenAWorkerFreezes_thenReadyGoesWithItsNameAndComesBack() {
    kubernetes.requireThisMachine("a worker that freezes");
    var worker = PodProcess.of(kubernetes.client(), "demo-cpu-1");

    worker.freeze();
    try {
      model.awaitTrouble(ConditionReason.WORKER_LOST, "cpu-1");
    } finally {
      worker.thaw();
    }

    model.awaitReady();
    assertThat(model.answer()).contains(ServedModel.RIGHT);
  }

  @Test
  @Order(3)
  void whenAWorkersPodIsDeletedInMidGeneration_thenTheClusterIsDegradedAndBackWithoutHelp()
      throws Exception {
    var head = model.pods("head").getFirst().getMetadata().getUid();
    try (var stream = model.stream(100_000)) {
      await("the stream to run").atMost(LIMIT).until(() -> stream.tokens() > 10);
      var deleted = Instant.now();
      kubernetes
          .client()
          .pods()
          .inNamespace("default")
          .withName("demo-cpu-0")
          .withGracePeriod(0)
          .delete();

      await("Degraded with its name")
          .atMost(LIMIT)
          .pollInterval(Duration.ofMillis(200))
          .until(
              () ->
                  model
                      .condition(ConditionType.DEGRADED)
                      .filter(condition -> condition.getStatus().equals("True"))
                      .filter(condition -> condition.getMessage().contains("cpu-0"))
                      .isPresent());
      ServedModel.report("A deleted worker was named after", deleted);
      model.awaitReady();
      ServedModel.report("Ready again after", deleted);
    }

    assertThat(model.answer()).contains(ServedModel.RIGHT);
    var same = model.pods("head").getFirst();
    assertThat(same.getMetadata().getUid()).as("the head's pod").isEqualTo(head);
    assertThat(same.getStatus().getContainerStatuses())
        .extracting(ContainerStatus::getRestartCount)
        .containsOnly(0);
  }

  @Test
  @Order(4)
  void whenANewOperatorIsInstalled_thenNoPodOfTheClusterIsReplaced() {
    var before = uids();
    var operator = operatorPod();

    kubernetes.upgradeOperator("clusters.noProxy=.example");

    await("the new operator").atMost(LIMIT).until(() -> !operatorPod().equals(operator));
    // What is missing is made, whoever has made it before.
    kubernetes.kubectl("delete", "poddisruptionbudget/demo");
    await("the new operator to have looked at the cluster")
        .atMost(LIMIT)
        .until(
            () ->
                kubernetes
                    .kubectl("get", "poddisruptionbudgets", "-o", "name")
                    .contains("poddisruptionbudget.policy/demo"));
    model.awaitReady();
    assertThat(uids()).isEqualTo(before).hasSize(3);
  }

  private List<String> uids() {
    return model.pods().stream().map(pod -> pod.getMetadata().getUid()).sorted().toList();
  }

  private List<String> operatorPod() {
    return kubernetes.client().pods().inNamespace("knarr-system").list().getItems().stream()
        .filter(pod -> !pod.isMarkedForDeletion())
        .map(Pod::getMetadata)
        .map(metadata -> metadata.getUid())
        .toList();
  }

  @Test
  @Order(5)
  void whenItIsScaledToZeroAndBack_thenItStopsAndIsReadyAgain() {
    kubernetes.kubectl("scale", "inferencecluster/demo", "--replicas=0");
    await("all pods to be gone").atMost(LIMIT).until(() -> model.pods().isEmpty());
    await("Stopped")
        .atMost(LIMIT)
        .until(() -> "Stopped".equals(model.get().getStatus().getPhase()));

    kubernetes.kubectl("scale", "inferencecluster/demo", "--replicas=1");
    model.awaitReady();
    assertThat(model.answer()).contains(ServedModel.RIGHT);
  }

  @Test
  @Order(6)
  void whenItIsDeleted_thenNothingIsLeftButItsUsersClaim() {
    model.delete();

    await("all objects to be gone")
        .atMost(LIMIT)
        .until(() -> kubernetes.objectsOf("demo").isEmpty());
    assertThat(
            kubernetes.kubectl(
                "get", "persistentvolumeclaim/demo-model", "-o", "jsonpath={.status.phase}"))
        .isEqualTo("Bound");
  }
}
