// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.operator.Labels;
import dev.knarr.operator.Ports;
import dev.knarr.operator.observe.ScriptedPod;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaimBuilder;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.api.model.storage.StorageClassBuilder;
import io.fabric8.kubernetes.client.dsl.Resource;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** When the model is brought, and when it is brought again, and where it is kept. */
final class ModelIT extends OperatorInNamespace {
  @Test
  void whenTheModelIsOnItsWay_thenNoChangeElsewhereBeginsAnew() {
    create("everything");
    startOperator();
    var job = awaitJob();
    say(job, 1);

    // Of these, the head's place and resources are no cause, and another token might have been one.
    change(
        text ->
            text.replace("drainSeconds: 120", "annotations: { note: mine }")
                .replace("memory: 24Gi }, requests", "memory: 25Gi }, requests")
                .replace("key: token", "key: other")
                .replace("port: 80,", "port: 81,"));

    await("the change has been seen")
        .atMost(LIMIT)
        .until(
            () -> {
              var status = cluster().getStatus();
              return status != null && Long.valueOf(2).equals(status.getObservedGeneration());
            });
    assertThat(one(Job.class).getMetadata().getUid()).isEqualTo(job.getMetadata().getUid());
    complete(one(Job.class));
    awaitHead();
    assertThat(one(Job.class).getMetadata().getUid()).isEqualTo(job.getMetadata().getUid());
  }

  @Test
  void whenTheModelCannotBeFetched_thenAChangeThatMayCureItBeginsAnew() {
    create("everything");
    startOperator();
    var job = awaitJob();
    say(job, 0);

    change(text -> text.replace("key: token", "key: other"));

    var other = awaitAnotherJob(job);
    assertThat(other.getSpec().getTemplate().getSpec().getVolumes())
        .filteredOn(volume -> volume.getName().equals("knarr-token-model"))
        .flatExtracting("secret.items")
        .extracting("key")
        .containsExactly("other");
  }

  @Test
  void whenTheClaimIsAnotherOne_thenTheModelIsFetchedAnew() {
    create("everything");
    startOperator();
    var job = awaitJob();
    complete(job);
    awaitHead();
    var claim = client.persistentVolumeClaims().inNamespace(namespace).withName("glm-model");
    var uid = claim.get().getMetadata().getUid();

    // As its controller does once no pod mounts it.
    claim.edit(
        known -> {
          known.getMetadata().setFinalizers(List.of());
          return known;
        });
    claim.delete();

    await("another job")
        .atMost(LIMIT)
        .until(
            () ->
                names(Job.class).size() == 1
                    && !names(Job.class).contains(job.getMetadata().getName()));
    assertThat(claim.get().getMetadata().getUid()).isNotEqualTo(uid);
    assertThat(writes().stream().filter(write -> write.startsWith("patch jobs")))
        .as("One job for each claim")
        .hasSize(2);
  }

  @Test
  void whenTheClaimIsToBeLarger_thenItIs() {
    client
        .resource(
            new StorageClassBuilder()
                .withNewMetadata()
                .withName("shared")
                .endMetadata()
                .withProvisioner("example.org/shared")
                .withAllowVolumeExpansion(true)
                .build())
        .create();
    create("everything");
    startOperator();
    awaitJob();
    var claim = bind("glm-model");

    change(text -> text.replace("size: 400Gi", "size: 500Gi"));

    await("a larger claim")
        .atMost(LIMIT)
        .until(() -> size(claim.get()).equals(Map.of("storage", new Quantity("500Gi"))));
    assertThat(all(PersistentVolumeClaim.class)).hasSize(1);
  }

  @Test
  void whenTheClaimCannotBeLarger_thenTheStatusSaysWhy() {
    create("everything", text -> text.replace("storageClassName: shared", "storageClassName: no"));
    startOperator();
    awaitJob();
    var claim = bind("glm-model");

    change(
        text ->
            text.replace("storageClassName: shared", "storageClassName: no")
                .replace("size: 400Gi", "size: 500Gi"));

    await("the refusal")
        .atMost(LIMIT)
        .until(
            () -> {
              var status = cluster().getStatus();
              return status != null && "ApiRefused".equals(status.getReason());
            });
    assertThat(String.valueOf(cluster().getStatus().getMessage()))
        .startsWith("Claim glm-model cannot be made larger, from 400Gi to 500Gi: ")
        .contains("the storageclass that provisions the pvc must support resize. Put ");
    assertThat(size(claim.get())).containsEntry("storage", new Quantity("400Gi"));

    change(text -> text.replace("storageClassName: shared", "storageClassName: no"));

    await("what it says to do helps")
        .atMost(LIMIT)
        .until(() -> !"ApiRefused".equals(cluster().getStatus().getReason()));
  }

  @Test
  void whenTheHeadMissesTheModel_thenItIsBroughtOnceMore() throws IOException {
    create("everything");
    startOperator();
    var first = awaitJob();
    complete(first);
    awaitHead();
    try (var pod = headAnswers("ModelNotFound", "There is no file m.gguf.")) {
      var second = awaitAnotherJob(first);

      // The head says the same, so there is nothing to be gained by a third.
      complete(second);
      client.services().inNamespace(namespace).withName("glm").delete();
      await("a look at all that is there")
          .atMost(LIMIT)
          .until(() -> names(Service.class).contains("glm"));

      assertThat(pod.asked()).isPositive();
      assertThat(one(Job.class).getMetadata().getUid()).isEqualTo(second.getMetadata().getUid());
    }
  }

  private static Map<String, Quantity> size(PersistentVolumeClaim claim) {
    return claim.getSpec().getResources().getRequests();
  }

  /** As a provisioner would. */
  private Resource<PersistentVolumeClaim> bind(String name) {
    var claim = client.persistentVolumeClaims().inNamespace(namespace).withName(name);
    claim.editStatus(
        known ->
            new PersistentVolumeClaimBuilder(known)
                .withNewStatus()
                .withPhase("Bound")
                .withCapacity(known.getSpec().getResources().getRequests())
                .endStatus()
                .build());
    return claim;
  }

  /** A pod of the head, in which one answers that has given up; the real Deployment makes none. */
  private ScriptedPod headAnswers(String reason, String message) throws IOException {
    var ip = "127.0.3." + namespace.replaceAll("\\D", "");
    var pod =
        client
            .resource(
                new PodBuilder()
                    .withNewMetadata()
                    .withNamespace(namespace)
                    .withName("glm-head-1")
                    .withLabels(Labels.of("glm", Labels.Component.HEAD))
                    .endMetadata()
                    .withNewSpec()
                    .addNewContainer()
                    .withName("head")
                    .withImage("registry.example/none:1")
                    .endContainer()
                    .endSpec()
                    .build())
            .create();
    var answers =
        ScriptedPod.at(
            ip,
            Ports.MANAGEMENT,
            ScriptedPod.json(
                """
                {"identity": {"clusterUid": "%s", "revision": "1", "podUid": "%s"},
                 "phase": "Failed", "reason": "%s", "message": "%s"}
                """
                    .formatted(
                        cluster().getMetadata().getUid(),
                        pod.getMetadata().getUid(),
                        reason,
                        message)));
    client
        .resource(
            new PodBuilder(pod)
                .withNewStatus()
                .withPhase("Running")
                .withPodIP(ip)
                .addNewPodIP(ip)
                .addNewContainerStatus()
                .withName("head")
                .withImage("registry.example/none:1")
                .withImageID("")
                .withReady(false)
                .withRestartCount(0)
                .withNewState()
                .withNewRunning()
                .withStartedAt(Instant.now().toString())
                .endRunning()
                .endState()
                .endContainerStatus()
                .endStatus()
                .build())
        .patchStatus();
    return answers;
  }

  /** As the controller of Jobs would: whether the container runs, or waits to be tried again. */
  private static void say(Job job, int ready) {
    client
        .resource(
            new JobBuilder(job)
                .withNewStatus()
                .withStartTime(Instant.now().toString())
                .withActive(1)
                .withReady(ready)
                .endStatus()
                .build())
        .patchStatus();
  }
}
