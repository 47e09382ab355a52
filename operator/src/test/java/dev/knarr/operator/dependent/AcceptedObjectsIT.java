// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.operator.Labels;
import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.FieldValidateable.Validation;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a real API server says to the objects of the recorded clusters. */
final class AcceptedObjectsIT {
  private static final PatchContext APPLY =
      new PatchContext.Builder()
          .withPatchType(PatchType.SERVER_SIDE_APPLY)
          .withFieldManager(Labels.OPERATOR)
          .withForce(true)
          .build();

  private final KubernetesClient client = ApiServer.shared().client();

  @BeforeAll
  static void start() {
    Definitions.podMonitors(ApiServer.shared());
  }

  static List<String> clusters() {
    // The gate of image volumes is closed in this version, as a test below shows.
    return Blueprints.names().stream().filter(name -> !name.equals("image-and-secret")).toList();
  }

  @ParameterizedTest
  @MethodSource("clusters")
  void whenTheObjectsAreApplied_thenTheyAreAcceptedAndHoldWhatWasApplied(String name) {
    var namespace = namespace("accepted-" + name);
    for (var desired : Blueprints.desired(Blueprints.of(name))) {
      var stamped = AppliedState.stamp(in(namespace, desired));

      var applied = apply(stamped);

      assertThat(AppliedState.holds(applied, stamped)).as("%s", applied).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"claim", "everything"})
  void whenTheNamespaceIsRestricted_thenThePodsAreAdmitted(String name) {
    var namespace = namespace("restricted-" + name);

    for (var pod : pods(namespace, name)) {
      assertThat(client.resource(pod).dryRun().create()).isNotNull();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"fetched-by-head", "stopped"})
  void whenAFolderOfTheNodeIsAskedFor_thenOnlyThatKeepsPodsOut(String name) {
    var namespace = namespace("host-path-" + name);

    for (var pod : pods(namespace, name)) {
      boolean hostPath =
          pod.getSpec().getVolumes().stream().anyMatch(volume -> volume.getHostPath() != null);
      if (hostPath) {
        assertThatThrownBy(() -> client.resource(pod).dryRun().create())
            .hasMessageContaining("restricted volume types")
            .hasMessageContaining("hostPath")
            .hasMessageNotContaining("allowPrivilegeEscalation")
            .hasMessageNotContaining("seccompProfile")
            .hasMessageNotContaining("runAsNonRoot")
            .hasMessageNotContaining("capabilities");
      } else {
        assertThat(client.resource(pod).dryRun().create()).isNotNull();
      }
    }
  }

  @Test
  void whenAnotherObjectHasTakenTheName_thenAnUpdateIsRefused() {
    var namespace = namespace("replaced");
    var desired = in(namespace, Blueprints.only(Blueprints.of("claim"), ConfigMap.class));
    var first = apply(desired);
    client.resource(first).delete();
    apply(desired);

    desired.getMetadata().setUid(first.getMetadata().getUid());

    assertThatThrownBy(() -> apply(desired))
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining("metadata.uid");
  }

  @Test
  void whenTheApiServerHasNoImageVolumes_thenNothingIsWritten() {
    var namespace = namespace("image-volumes");

    for (var object : withImageVolumes(namespace)) {
      assertThatThrownBy(() -> ImageVolumes.require(client, object, APPLY))
          .isInstanceOf(ImageVolumesUnsupportedException.class)
          .hasMessageContaining("feature gate ImageVolume");
      assertThat(client.resource(object).get()).isNull();
    }
  }

  @Test
  void whenTheApiServerHasImageVolumes_thenTheyAreUsed() {
    try (var server = ApiServer.with().flag("--feature-gates=ImageVolume=true").start()) {
      for (var object : withImageVolumes("default")) {
        var stamped = AppliedState.stamp(object);
        ImageVolumes.require(server.client(), stamped, APPLY);
        assertThat(AppliedState.holds(server.client().resource(stamped).patch(APPLY), stamped))
            .isTrue();
      }
    }
  }

  private static List<HasMetadata> withImageVolumes(String namespace) {
    var objects =
        Blueprints.desired(Blueprints.of("image-and-secret")).stream()
            .filter(object -> !template(object).isEmpty())
            .map(object -> in(namespace, object))
            .toList();
    assertThat(objects).hasSize(4);
    return objects;
  }

  private static List<Pod> pods(String namespace, String cluster) {
    return Blueprints.desired(Blueprints.of(cluster)).stream()
        .flatMap(object -> template(object).stream())
        .map(
            template ->
                new PodBuilder()
                    .withNewMetadataLike(template.getMetadata())
                    .withNamespace(namespace)
                    .withGenerateName("pod-")
                    .endMetadata()
                    .withSpec(admissible(template))
                    .build())
        .toList();
  }

  /** Without what other objects would have to be there for. */
  private static PodSpec admissible(PodTemplateSpec template) {
    return template.getSpec().edit().withRuntimeClassName(null).withPriorityClassName(null).build();
  }

  private static List<PodTemplateSpec> template(HasMetadata object) {
    return switch (object) {
      case Deployment head -> List.of(head.getSpec().getTemplate());
      case StatefulSet workers -> List.of(withClaims(workers));
      case Job job -> List.of(job.getSpec().getTemplate());
      default -> List.of();
    };
  }

  /** The StatefulSet's controller adds the volumes of its claims. */
  private static PodTemplateSpec withClaims(StatefulSet workers) {
    var template = workers.getSpec().getTemplate();
    for (var claim : workers.getSpec().getVolumeClaimTemplates()) {
      template =
          template
              .edit()
              .editSpec()
              .addNewVolume()
              .withName(claim.getMetadata().getName())
              .withNewPersistentVolumeClaim()
              .withClaimName("claim")
              .endPersistentVolumeClaim()
              .endVolume()
              .endSpec()
              .build();
    }
    return template;
  }

  private static <R extends HasMetadata> R in(String namespace, R object) {
    object.getMetadata().setNamespace(namespace);
    return object;
  }

  private <R extends HasMetadata> R apply(R desired) {
    return client.resource(desired).fieldValidation(Validation.STRICT).patch(APPLY);
  }

  private String namespace(String name) {
    client
        .resource(
            new NamespaceBuilder()
                .withNewMetadata()
                .withName(name)
                .withLabels(Map.of("pod-security.kubernetes.io/enforce", "restricted"))
                .endMetadata()
                .build())
        .create();
    return name;
  }
}
