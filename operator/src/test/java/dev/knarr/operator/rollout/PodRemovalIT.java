// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.operator.observe.NodeState;
import dev.knarr.operator.observe.Observation;
import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is deleted of pods that have been seen, on a real API server. */
final class PodRemovalIT {
  private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
  private static final Duration PATIENCE = Duration.ofMinutes(5);
  private static final String NAMESPACE = "pod-removal";

  private final KubernetesClient client = ApiServer.shared().client();
  private final PodRemoval removal = new PodRemoval(client, PATIENCE);

  @BeforeEach
  void makeNamespace() {
    client
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build())
        .serverSideApply();
  }

  @AfterEach
  void removePods() {
    client.pods().inNamespace(NAMESPACE).withGracePeriod(0).delete();
  }

  @Test
  void whenItsNodeIsLost_thenThePodGoesAtOnce() {
    var pod = make();

    assertThat(removal.deleteLost(onALostNode(pod))).hasSize(1);

    assertThat(client.resource(pod).get()).isNull();
  }

  @Test
  void whenAPodHasChangedSinceItsNodeIsLost_thenItGoesAllTheSame() {
    var pod = make();
    client
        .resource(pod)
        .edit(
            known -> {
              known.getMetadata().setLabels(Map.of("tainted", "true"));
              return known;
            });

    removal.deleteLost(onALostNode(pod));

    assertThat(client.resource(pod).get()).isNull();
  }

  @Test
  void whenAnotherPodHasTakenTheName_thenItStays() {
    var lost = make();
    client.resource(lost).withGracePeriod(0).delete();
    var next = make();

    removal.deleteLost(onALostNode(lost));

    assertThat(client.resource(next).get().getMetadata().getUid())
        .isEqualTo(next.getMetadata().getUid());
    assertThat(client.resource(next).get().getMetadata().getDeletionTimestamp()).isNull();
  }

  @Test
  void whenAPodHasGoneMeanwhile_thenNothingIsWrong() {
    var pod = make();
    client.resource(pod).withGracePeriod(0).delete();

    removal.deleteLost(onALostNode(pod));
    removal.delete(onALostNode(pod), List.of(pod.getMetadata().getName()));

    assertThat(client.resource(pod).get()).isNull();
  }

  private Pod make() {
    return client
        .resource(
            new PodBuilder()
                .withNewMetadata()
                .withNamespace(NAMESPACE)
                .withName("glm-a100-0")
                .endMetadata()
                .withNewSpec()
                .withNodeName("doomed")
                .addNewContainer()
                .withName("worker")
                .withImage("registry.example/worker:1")
                .endContainer()
                .endSpec()
                .build())
        .create();
  }

  private static Observation onALostNode(Pod pod) {
    var since = NOW.minus(PATIENCE).minusSeconds(1);
    return new Observation(
        NOW,
        List.of(pod),
        List.of(),
        Optional.empty(),
        Optional.empty(),
        Map.of(),
        Map.of("doomed", new NodeState("doomed", Optional.of("does not answer"), since)),
        List.of(),
        Optional.empty(),
        Optional.empty(),
        0);
  }
}
