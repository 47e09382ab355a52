// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.NodeStatusBuilder;
import io.fabric8.kubernetes.api.model.PersistentVolumeBuilder;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaimBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Where a real scheduler puts the pod that brings the model: two nodes, and no kubelet. */
final class ModelPodIT {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private static ApiServer server;
  private static KubernetesClient client;

  @BeforeAll
  static void start() {
    server = ApiServer.with().scheduler().start();
    client = server.client();
    makeNode("small", "26Gi");
    makeNode("large", "200Gi");
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void whenAHeadRuns_thenTheModelIsBroughtBesideItThoughTheHeadFillsTheNode() {
    makeNamespace("served");
    // Left to itself, the scheduler takes the node with more room.
    head("served", "small", "24Gi");

    assertThat(awaitNode(model("served"))).isEqualTo("small");
  }

  @Test
  void whenNoHeadRuns_thenAnyNodeWillDo() {
    makeNamespace("new");
    makeNamespace("neighbour");
    head("neighbour", "small", "1Gi");

    assertThat(awaitNode(model("new"))).isEqualTo("large");
  }

  @Test
  void whenTheModelLiesOnAnotherClaimThanTheHeadMounts_thenAnyNodeWillDo() {
    makeNamespace("moved");
    head("moved", "small", "1Gi");

    assertThat(awaitNode(model("moved", "other"))).isEqualTo("large");
  }

  private static Pod model(String namespace) {
    return model(namespace, "single");
  }

  private static Pod model(String namespace, String claim) {
    makeClaim(namespace, claim);
    var template =
        ModelPod.template(Blueprints.changed("claim", "claimName: models", "claimName: " + claim));
    return client
        .resource(
            new PodBuilder()
                .withNewMetadataLike(template.getMetadata())
                .withNamespace(namespace)
                .withName("model")
                .endMetadata()
                .withSpec(template.getSpec())
                .build())
        .create();
  }

  /** Bound already, to a volume that any node can mount. */
  private static void makeClaim(String namespace, String name) {
    var volume =
        client
            .resource(
                new PersistentVolumeBuilder()
                    .withNewMetadata()
                    .withName(namespace + "-" + name)
                    .endMetadata()
                    .withNewSpec()
                    .withAccessModes("ReadWriteOnce")
                    .withCapacity(Map.of("storage", new Quantity("1Gi")))
                    .withNewNfs("/models", false, "nfs.example")
                    .withNewClaimRef()
                    .withNamespace(namespace)
                    .withName(name)
                    .endClaimRef()
                    .endSpec()
                    .build())
            .create();
    client
        .resource(
            new PersistentVolumeClaimBuilder()
                .withNewMetadata()
                .withNamespace(namespace)
                .withName(name)
                .addToAnnotations("pv.kubernetes.io/bind-completed", "yes")
                .endMetadata()
                .withNewSpec()
                .withAccessModes("ReadWriteOnce")
                .withStorageClassName("")
                .withVolumeName(volume.getMetadata().getName())
                .withNewResources()
                .addToRequests("storage", new Quantity("1Gi"))
                .endResources()
                .endSpec()
                .build())
        .create();
  }

  private static void head(String namespace, String node, String memory) {
    client
        .resource(
            new PodBuilder()
                .withNewMetadata()
                .withNamespace(namespace)
                .withName("head")
                .withLabels(Labels.of("demo", Component.HEAD))
                .endMetadata()
                .withNewSpec()
                .withNodeName(node)
                .addNewContainer()
                .withName("head")
                .withImage("registry.example/head:1")
                .withNewResources()
                .withRequests(Map.of("memory", new Quantity(memory)))
                .endResources()
                .endContainer()
                .endSpec()
                .build())
        .create();
  }

  private static String awaitNode(Pod pod) {
    var resource = client.resource(pod);
    await("a node for " + pod.getMetadata().getName())
        .atMost(LIMIT)
        .until(() -> resource.get().getSpec().getNodeName() != null);
    return Objects.requireNonNull(resource.get().getSpec().getNodeName());
  }

  private static void makeNamespace(String name) {
    client
        .resource(new NamespaceBuilder().withNewMetadata().withName(name).endMetadata().build())
        .create();
  }

  private static void makeNode(String name, String memory) {
    client
        .resource(
            new NodeBuilder()
                .withNewMetadata()
                .withName(name)
                .withLabels(Map.of("kubernetes.io/hostname", name))
                .endMetadata()
                .build())
        .create();
    // A new node is tainted until its kubelet says that it is ready.
    client
        .nodes()
        .withName(name)
        .edit(
            known -> {
              known.getSpec().setTaints(List.of());
              return known;
            });
    client
        .nodes()
        .withName(name)
        .editStatus(
            known -> {
              known.setStatus(
                  new NodeStatusBuilder()
                      .withAllocatable(
                          Map.of(
                              "cpu", new Quantity("4"),
                              "memory", new Quantity(memory),
                              "pods", new Quantity("10")))
                      .addNewCondition()
                      .withType("Ready")
                      .withStatus("True")
                      .endCondition()
                      .build());
              return known;
            });
  }
}
