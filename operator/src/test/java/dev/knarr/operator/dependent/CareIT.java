// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.client.dsl.Resource;
import java.time.Instant;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What runs is cared for whatever keeps the operator from changing it. */
final class CareIT extends OperatorInNamespace {
  @BeforeEach
  void startCluster() {
    create("claim");
    startOperator();
    complete(awaitJob());
    awaitHead();
    await("workers").atMost(LIMIT).until(() -> all(StatefulSet.class).size() == 1);
  }

  @Test
  void whenTheSpecIsInvalid_thenCertificatesAreRenewedAndLostPodsRemoved() {
    forgetARule();
    invalidate();
    awaitReason("SpecInvalid");
    secret("demo-tls").delete();

    var pod = podOnALostNode();

    await("the pod has gone").atMost(LIMIT).until(() -> pod.get() == null);
    await("certificates").atMost(LIMIT).until(() -> secret("demo-tls").get() != null);
    assertThat(cluster().getStatus()).extracting("reason").isEqualTo("SpecInvalid");
  }

  @Test
  void whenANameIsTaken_thenLostPodsAreRemovedAllTheSame() {
    secret("demo-ca").delete();
    client
        .resource(
            new SecretBuilder()
                .withNewMetadata()
                .withNamespace(namespace)
                .withName("demo-ca")
                .endMetadata()
                .build())
        .create();

    var pod = podOnALostNode();

    awaitReason("NameTaken");
    await("the pod has gone").atMost(LIMIT).until(() -> pod.get() == null);
  }

  /** As a definition of before has none: the operator finds out by itself. */
  private static void forgetARule() {
    var definition =
        client.resources(CustomResourceDefinition.class).withName("inferenceclusters.knarr.dev");
    var yaml = Blueprints.YAML.asYaml(definition.get());
    assertThat(yaml).contains("self >= 0 && self <= 3600");
    client
        .resource(
            Blueprints.YAML.unmarshal(
                yaml.replace("self >= 0 && self <= 3600", "true"), CustomResourceDefinition.class))
        .update();
  }

  private void invalidate() {
    await("the definition of before is in force")
        .atMost(LIMIT)
        .ignoreExceptions()
        .until(
            () ->
                client
                        .resources(InferenceCluster.class)
                        .inNamespace(namespace)
                        .withName("demo")
                        .edit(
                            known -> {
                              Objects.requireNonNull(known.getSpec().getHead())
                                  .setDrainSeconds(5000);
                              return known;
                            })
                    != null);
  }

  private void awaitReason(String reason) {
    await(reason)
        .atMost(LIMIT)
        .until(
            () -> {
              var status = cluster().getStatus();
              return status != null && reason.equals(status.getReason());
            });
  }

  private Resource<Secret> secret(String name) {
    return client.secrets().inNamespace(namespace).withName(name);
  }

  /** Its node has been removed, and its containers are as they were last seen. */
  private Resource<Pod> podOnALostNode() {
    var pod =
        client
            .resource(
                new PodBuilder()
                    .withNewMetadata()
                    .withNamespace(namespace)
                    .withName("demo-cpu-0")
                    .withLabels(Labels.ofGroup("demo", "cpu"))
                    .endMetadata()
                    .withNewSpec()
                    .withNodeName("gone")
                    .addNewContainer()
                    .withName("worker")
                    .withImage("registry.example/none:1")
                    .endContainer()
                    .endSpec()
                    .build())
            .create();
    client
        .resource(
            new PodBuilder(pod)
                .withNewStatus()
                .withPhase("Running")
                .addNewCondition()
                .withType("Ready")
                .withStatus("False")
                .withLastTransitionTime(Instant.now().toString())
                .endCondition()
                .addNewContainerStatus()
                .withName("worker")
                .withImage("registry.example/none:1")
                .withImageID("")
                .withReady(true)
                .withRestartCount(0)
                .endContainerStatus()
                .endStatus()
                .build())
        .patchStatus();
    return client.pods().inNamespace(namespace).withName("demo-cpu-0");
  }
}
