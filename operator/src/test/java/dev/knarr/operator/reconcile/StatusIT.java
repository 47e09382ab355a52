// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels.Component;
import dev.knarr.operator.Scene;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** How a status changes while things happen to a cluster, with kubectl as the one who waits. */
class StatusIT {
  private static Stage stage;

  @BeforeAll
  static void start() {
    stage = new Stage();
  }

  @AfterAll
  static void stop() {
    if (stage != null) {
      stage.close();
    }
  }

  @Test
  void whenTheHeadServesLosesAWorkerAndFreezes_thenEachIsSeenAndNothingElseIsWritten()
      throws Exception {
    try (var cluster = new PlayedCluster(stage, "served")) {
      cluster.create(PlayedCluster.SPEC);
      var script = cluster.serve(Scene.readyHead());

      kubectl(cluster, "--for=condition=Ready", "--timeout=60s");

      // Answers and pods that change in what is not shown.
      var version = version(cluster);
      int asked = script.asked();
      stage
          .client()
          .resource(cluster.pod(Component.HEAD, 0))
          .patch(
              PatchContext.of(PatchType.JSON_MERGE),
              "{\"metadata\":{\"annotations\":{\"example.org/note\":\"unrelated\"}}}");
      await("more answers").atMost(PlayedCluster.LIMIT).until(() -> script.asked() > asked + 2);
      assertThat(version(cluster)).isEqualTo(version);

      // Another writer takes a field and adds one that is not ours.
      cluster
          .resource()
          .patch(
              PatchContext.of(PatchType.JSON_MERGE),
              "{\"metadata\":{\"annotations\":{\"example.org/owner\":\"somebody\"}}}");
      cluster
          .resource()
          .subresource("status")
          .patch(PatchContext.of(PatchType.JSON_MERGE), "{\"status\":{\"phase\":\"Hacked\"}}");

      script.script(
          cluster.head(
              Scene.head(
                  "WaitingForWorkers",
                  "WorkerLost",
                  "Lost.",
                  Scene.proven("a100-0"),
                  Scene.lost("a100-1", "It closed the connection."))));

      assertThat(awaitReason(cluster, "WorkerLost")).contains("Worker a100-1 (pod glm-a100-1)");
      assertThat(cluster.status().getPhase()).isEqualTo("Degraded");
      kubectl(cluster, "--for=condition=Ready=false", "--timeout=1s");

      script.script(cluster.head(Scene.readyHead()));
      kubectl(cluster, "--for=condition=Ready", "--timeout=30s");
      assertThat(cluster.resource().get().getMetadata().getAnnotations())
          .containsEntry("example.org/owner", "somebody");
      // Told after the status.
      await("events")
          .atMost(PlayedCluster.LIMIT)
          .untilAsserted(
              () -> {
                assertThat(events(cluster, "WorkerBack")).hasSize(1);
                assertThat(events(cluster, "Ready"))
                    .singleElement()
                    .satisfies(event -> assertThat(event.getCount()).isEqualTo(2));
              });

      // Frozen: connections are taken and nothing comes.
      script.script(_ -> Thread.sleep(Duration.ofMinutes(10)));
      assertThat(awaitReason(cluster, "HeadUnreachable")).contains("it does not answer within 2 s");

      script.script(cluster.head(Scene.readyHead()));
      kubectl(cluster, "--for=condition=Ready", "--timeout=60s");
      await("the third time is counted")
          .atMost(PlayedCluster.LIMIT)
          .untilAsserted(
              () ->
                  assertThat(events(cluster, "Ready"))
                      .singleElement()
                      .satisfies(
                          event -> {
                            assertThat(event.getCount()).isEqualTo(3);
                            assertThat(event.getLastTimestamp())
                                .isGreaterThan(event.getFirstTimestamp());
                          }));
    }
  }

  private static String version(PlayedCluster cluster) {
    return cluster.resource().get().getMetadata().getResourceVersion();
  }

  private static String awaitReason(PlayedCluster cluster, String reason) {
    await(reason)
        .atMost(PlayedCluster.LIMIT)
        .until(() -> reason.equals(cluster.status().getReason()));
    return Conditions.find(cluster.status(), ConditionType.READY)
        .map(Condition::getMessage)
        .orElseThrow();
  }

  private static void kubectl(PlayedCluster cluster, String condition, String limit) {
    stage.kubectl("wait", condition, "ic/glm", "-n", cluster.namespace(), limit);
  }

  private static List<Event> events(PlayedCluster cluster, String reason) {
    return stage
        .client()
        .v1()
        .events()
        .inNamespace(cluster.namespace())
        .withField("reason", reason)
        .list()
        .getItems()
        .stream()
        .filter(event -> event.getInvolvedObject().getKind().equals(InferenceCluster.KIND))
        .toList();
  }
}
