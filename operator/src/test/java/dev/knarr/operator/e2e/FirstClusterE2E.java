// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.InferenceClusterStatus;
import dev.knarr.testkit.kube.OneNodeCluster;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The life of the example cluster on a real Kubernetes, with the chart and the images of a user.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@ExtendWith(RealCluster.class)
class FirstClusterE2E {
  /** What the status promises; the rest is for a machine with two cores that does all of this. */
  private static final Duration NOTICED = Duration.ofSeconds(15);

  private static final Duration READY_AGAIN = Duration.ofMinutes(3);

  private OneNodeCluster kubernetes;
  private KubernetesClient client;

  @BeforeAll
  void up(OneNodeCluster running) {
    kubernetes = running;
    client = running.client();
  }

  private InferenceCluster cluster() {
    return client.resources(InferenceCluster.class).inNamespace("default").withName("demo").get();
  }

  private Optional<Condition> condition(ConditionType type) {
    return Optional.ofNullable(cluster().getStatus())
        .map(InferenceClusterStatus::getConditions)
        .stream()
        .flatMap(List::stream)
        .filter(condition -> type.value().equals(condition.getType()))
        .findFirst();
  }

  private boolean is(ConditionType type) {
    return condition(type).filter(found -> found.getStatus().equals("True")).isPresent();
  }

  private void awaitReady() {
    await("the cluster to be ready").atMost(READY_AGAIN).until(() -> is(ConditionType.READY));
  }

  private Set<String> podUids() {
    return client
        .pods()
        .inNamespace("default")
        .withLabel("knarr.dev/cluster", "demo")
        .list()
        .getItems()
        .stream()
        .filter(pod -> "Running".equals(pod.getStatus().getPhase()))
        .map(pod -> pod.getMetadata())
        .map(ObjectMeta::getUid)
        .collect(Collectors.toSet());
  }

  @Test
  @Order(1)
  void whenTheExampleIsApplied_thenTheModelAnswersThroughTheService() {
    assertThat(kubernetes.answer())
        .contains("Knarr runs one model across the devices of many machines.");
    assertThat(cluster().getStatus().getWorkersReady()).isEqualTo("2/2");
  }

  @Test
  @Order(2)
  void whenAWorkerFreezes_thenReadyGoesWithItsNameAndComesBack() {
    var worker = PodProcess.of(client, "demo-cpu-1");

    worker.freeze();
    var frozen = Instant.now();
    try {
      await("Ready to be taken away")
          .atMost(NOTICED)
          .untilAsserted(
              () -> {
                var ready = condition(ConditionType.READY).orElseThrow();
                assertThat(ready.getStatus()).isEqualTo("False");
                assertThat(ready.getMessage()).contains("cpu-1");
              });
      System.out.printf(
          "a frozen worker was named after %s%n", Duration.between(frozen, Instant.now()));
    } finally {
      worker.thaw();
    }

    awaitReady();
  }

  @Test
  @Order(3)
  void whenAWorkersPodIsDeleted_thenTheClusterIsDegradedAndBackWithoutHelp() {
    var deleted = Instant.now();
    client.pods().inNamespace("default").withName("demo-cpu-0").withGracePeriod(0).delete();

    await("Degraded with its name")
        .atMost(NOTICED)
        .untilAsserted(
            () -> {
              assertThat(is(ConditionType.DEGRADED)).isTrue();
              assertThat(condition(ConditionType.DEGRADED).orElseThrow().getMessage())
                  .contains("cpu-0");
            });
    System.out.printf(
        "a lost worker was named after %s%n", Duration.between(deleted, Instant.now()));
    awaitReady();
    System.out.printf("and ready again after %s%n", Duration.between(deleted, Instant.now()));
  }

  @Test
  @Order(4)
  void whenANewOperatorIsInstalled_thenNoPodOfTheClusterIsReplaced() {
    var before = podUids();

    kubernetes.helm(
        "upgrade",
        "knarr",
        RealCluster.ROOT.resolve("helm/knarr").toString(),
        "--namespace",
        "knarr-system",
        "--reuse-values",
        "--set",
        "clusters.noProxy=.example",
        "--wait");

    await("the new operator to have looked at the cluster")
        .atMost(READY_AGAIN)
        .until(() -> is(ConditionType.READY));
    assertThat(podUids()).isEqualTo(before).hasSize(3);
  }

  @Test
  @Order(5)
  void whenItIsScaledToZeroAndBack_thenItStopsAndIsReadyAgain() {
    kubernetes.kubectl("scale", "inferencecluster/demo", "--replicas=0");
    await("all pods to be gone").atMost(READY_AGAIN).until(() -> podUids().isEmpty());
    await("Stopped")
        .atMost(READY_AGAIN)
        .until(() -> "Stopped".equals(cluster().getStatus().getPhase()));

    kubernetes.kubectl("scale", "inferencecluster/demo", "--replicas=1");
    awaitReady();
  }

  @Test
  @Order(6)
  void whenItIsDeleted_thenNothingIsLeft() {
    kubernetes.kubectl("delete", "inferencecluster/demo", "--wait=true");

    await("all objects to be gone")
        .atMost(READY_AGAIN)
        .until(
            () ->
                kubernetes
                    .kubectl(
                        "get",
                        "all,configmaps,secrets,networkpolicies,poddisruptionbudgets,persistentvolumeclaims",
                        "-l",
                        "knarr.dev/cluster=demo",
                        "-o",
                        "name")
                    .isBlank());
  }
}
