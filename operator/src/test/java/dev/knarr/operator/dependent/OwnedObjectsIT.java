// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.operator.Labels;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The dependents at work on a real API server, with the audit log as the witness of writes. */
final class OwnedObjectsIT extends OperatorInNamespace {
  @Test
  void whenTheModelIsNotThereYet_thenNothingTakesADevice() {
    create("claim");
    startOperator();

    var job = awaitJob();
    await("services and policies").atMost(LIMIT).until(() -> all(NetworkPolicy.class).size() == 3);

    assertThat(all(StatefulSet.class)).isEmpty();
    assertThat(all(Deployment.class)).isEmpty();
    complete(job);
    awaitHead();
    await("workers").atMost(LIMIT).until(() -> all(StatefulSet.class).size() == 1);
  }

  @Test
  void whenNothingHasChanged_thenNothingIsWritten() {
    create("everything");
    startOperator();
    complete(awaitJob());
    awaitHead();
    await("all of its objects").atMost(LIMIT).until(() -> versions().size() == 15);
    var versions = versions();
    var writes = writes();
    var cluster = cluster();

    // Each start looks at everything again, each event at one cluster.
    for (int i = 0; i < 3; i++) {
      operators.removeFirst().stop();
      startOperator();
      client
          .resource(
              new PodBuilder()
                  .withNewMetadata()
                  .withNamespace(namespace)
                  .withName("event-" + i)
                  .withLabels(Labels.ofGroup("glm", "a100"))
                  .endMetadata()
                  .withNewSpec()
                  .addNewContainer()
                  .withName("c")
                  .withImage("registry.example/none:1")
                  .endContainer()
                  .endSpec()
                  .build())
          .create();
    }
    // The last one of all: when it has been repaired, everything before has been looked at.
    client.resource(one(Deployment.class)).delete();
    awaitHead();

    assertThat(writes().subList(writes.size(), writes().size()))
        .containsExactly("patch deployments glm-head");
    var after = versions();
    after.remove("Deployment glm-head");
    versions.remove("Deployment glm-head");
    assertThat(after).isEqualTo(versions);
    assertThat(cluster().getMetadata().getGeneration())
        .as("The spec is not touched")
        .isEqualTo(cluster.getMetadata().getGeneration());
    assertThat(cluster().getMetadata().getFinalizers()).isEmpty();
  }

  @Test
  void whenSomebodyElseAddsFields_thenTheyLiveOnAndOursAreRepaired() {
    create("claim");
    startOperator();
    complete(awaitJob());
    awaitHead();

    apply(
        "kustomize",
        """
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: demo-head, namespace: %s, annotations: { theirs: "1" }, labels: { theirs: "1" } }
        spec:
          replicas: 5
          template:
            metadata: { annotations: { theirs: "1" } }
            spec:
              nodeSelector: { theirs: "1" }
              containers:
                - name: sidecar
                  image: registry.example/sidecar:1
                - name: head
                  args: [theirs]
                  env: [{ name: THEIRS, value: "1" }]
        """);

    await("our fields are repaired")
        .atMost(LIMIT)
        .until(
            () -> {
              var spec = one(Deployment.class).getSpec();
              return spec.getReplicas() == 1
                  && spec.getTemplate().getSpec().getContainers().stream()
                      .noneMatch(container -> container.getArgs().contains("theirs"));
            });
    var head = one(Deployment.class);
    var pod = head.getSpec().getTemplate().getSpec();
    assertThat(head.getMetadata().getAnnotations()).containsEntry("theirs", "1");
    assertThat(head.getMetadata().getLabels()).containsEntry("theirs", "1");
    assertThat(head.getSpec().getTemplate().getMetadata().getAnnotations())
        .containsEntry("theirs", "1");
    assertThat(pod.getNodeSelector()).containsEntry("theirs", "1");
    assertThat(pod.getContainers()).extracting("name").contains("sidecar", "head");
    assertThat(pod.getContainers())
        .flatExtracting("env")
        .extracting("name")
        .contains("THEIRS", "KNARR_POD_UID");
  }

  @Test
  void whenAPolicyIsOpened_thenItIsClosedAgain() {
    create("claim");
    startOperator();
    await("policies").atMost(LIMIT).until(() -> all(NetworkPolicy.class).size() == 3);

    apply(
        "somebody",
        """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: { name: demo-workers, namespace: %s }
        spec: { ingress: [{}] }
        """);

    await("the policy is as it was")
        .atMost(LIMIT)
        .until(
            () ->
                client
                        .network()
                        .v1()
                        .networkPolicies()
                        .inNamespace(namespace)
                        .withName("demo-workers")
                        .get()
                        .getSpec()
                        .getIngress()
                        .size()
                    == 2);
  }

  @Test
  void whenTheSpecChanges_thenWhatItNoLongerNeedsGoes() {
    create("everything");
    startOperator();
    complete(awaitJob());
    awaitHead();
    var firstJob = one(Job.class).getMetadata().getName();

    change(
        text ->
            text.replace("name: spare", "name: other")
                .replace("revision: v1", "revision: v2")
                .replace("  network:\n", "  network:\n    policy: Disabled\n"));

    await("another job")
        .atMost(LIMIT)
        .until(
            () -> {
              var jobs = names(Job.class);
              return jobs.size() == 1 && !jobs.contains(firstJob);
            });
    complete(one(Job.class));
    await("the other group")
        .atMost(LIMIT)
        .until(() -> names(StatefulSet.class).equals(List.of("glm-a100", "glm-other")));
    await("no policies").atMost(LIMIT).until(() -> all(NetworkPolicy.class).isEmpty());
    await("services of the groups")
        .atMost(LIMIT)
        .until(
            () ->
                client.services().inNamespace(namespace).list().getItems().stream()
                    .map(service -> service.getMetadata().getName())
                    .sorted()
                    .toList()
                    .equals(List.of("glm", "glm-a100", "glm-other")));
    assertThat(client.persistentVolumeClaims().inNamespace(namespace).list().getItems())
        .extracting("metadata.name")
        .containsExactly("glm-model");
  }

  @Test
  void whenTheHeadChanges_thenTheOneThatRunsKeepsWhatItWasTold() {
    create("everything");
    startOperator();
    complete(awaitJob());
    awaitHead();
    var before = toldTo(one(Deployment.class));
    assertThat(told()).containsOnlyKeys(before);
    var text = told().get(before);

    // The API server refuses the Deployment, so the head goes on as it is.
    change(yaml -> yaml.replace("[\"--jinja\"]", "[\"--verbose\"]\n    runtimeClass: No_Name"));

    await("what the next head is told").atMost(LIMIT).until(() -> told().size() == 2);
    assertThat(toldTo(one(Deployment.class))).isEqualTo(before);
    assertThat(told()).containsEntry(before, text);

    change(yaml -> yaml.replace("[\"--jinja\"]", "[\"--verbose\"]"));

    await("the next head").atMost(LIMIT).until(() -> !toldTo(one(Deployment.class)).equals(before));
    await("what nobody reads any more goes").atMost(LIMIT).until(() -> told().size() == 1);
    assertThat(told()).containsOnlyKeys(toldTo(one(Deployment.class)));
  }

  private Map<String, String> told() {
    return client.configMaps().inNamespace(namespace).withName("glm-head").get().getData();
  }

  private static String toldTo(Deployment head) {
    return head.getSpec().getTemplate().getSpec().getVolumes().stream()
        .filter(volume -> volume.getName().equals("knarr-config"))
        .map(volume -> volume.getConfigMap().getItems().getFirst().getKey())
        .findFirst()
        .orElseThrow();
  }

  @Test
  void whenAnObjectOfTheNameBelongsToSomebodyElse_thenItIsLeftAloneUntilItGoes() {
    var theirs =
        client
            .resource(
                new ConfigMapBuilder()
                    .withNewMetadata()
                    .withNamespace(namespace)
                    .withName("demo-head")
                    .withLabels(Labels.of("demo", Labels.Component.HEAD))
                    .endMetadata()
                    .addToData("theirs", "1")
                    .build())
            .create();
    create("claim");
    startOperator();
    complete(awaitJob());
    await("workers").atMost(LIMIT).until(() -> all(StatefulSet.class).size() == 1);
    await("the name is found taken")
        .atMost(LIMIT)
        .until(() -> audit("patch", "configmaps", "demo-head", 409) > 0);

    assertThat(client.resource(theirs).get()).isEqualTo(theirs);
    assertThat(all(Deployment.class)).isEmpty();
    client.resource(theirs).delete();
    awaitHead();
    assertThat(client.resource(theirs).get().getData().keySet())
        .singleElement()
        .asString()
        .matches("head-[0-9a-f]{16}\\.json");
  }

  @Test
  void whenTheClusterComesBack_thenItFindsItsClaimAgain() {
    create("everything");
    startOperator();
    awaitJob();
    var claim = client.persistentVolumeClaims().inNamespace(namespace).withName("glm-model");
    await("the claim").atMost(LIMIT).until(() -> claim.get() != null);
    var uid = claim.get().getMetadata().getUid();

    // Without a garbage collector, what the first one owned has to be removed by hand.
    client.resource(cluster()).delete();
    operators.removeFirst().stop();
    for (var type :
        List.of(Job.class, ConfigMap.class, NetworkPolicy.class, PodDisruptionBudget.class)) {
      client.resources(type).inNamespace(namespace).withLabel(Labels.CLUSTER).delete();
    }
    client.services().inNamespace(namespace).withLabel(Labels.CLUSTER).delete();
    client.secrets().inNamespace(namespace).delete();
    create("everything");
    startOperator();
    awaitJob();

    assertThat(claim.get().getMetadata().getUid()).isEqualTo(uid);
    assertThat(claim.get().getMetadata().getOwnerReferences()).isEmpty();
  }

  @Test
  void whenPodMonitorsAreKnown_thenThereIsOne() {
    create("claim");
    startOperator();

    await("the monitor").atMost(LIMIT).until(() -> names(PodMonitor.class).equals(List.of("demo")));
  }
}
