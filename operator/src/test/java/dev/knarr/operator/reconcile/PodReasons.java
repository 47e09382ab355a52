// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static dev.knarr.operator.reconcile.PlayedCluster.SPEC;
import static dev.knarr.operator.reconcile.PlayedCluster.spec;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.Labels.Component;
import dev.knarr.operator.Scene;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.util.List;

/** What keeps pods from being made, placed, started and kept. */
final class PodReasons {
  private PodReasons() {}

  static List<ReasonCase> cases() {
    return List.of(
        worker(
            ConditionReason.UNKNOWN_DEVICE,
            "Failed",
            "12:00 INFO starting\n12:00 ERROR The worker cannot run: UnknownDevice: There is no device CUDA0; ggml found CPU.\n",
            "Worker a100-0 in pod glm-a100-0 on node roomy: There is no device CUDA0; ggml found CPU. Check devices, image and runtimeClass of workers[a100]."),
        worker(
            ConditionReason.CACHE_NOT_WRITABLE,
            "Failed",
            "{\"level\":\"ERROR\",\"message\":\"The worker cannot run: CacheNotWritable: The cache folder /cache cannot be used (java.nio.file.AccessDeniedException: /cache).\",\"pid\":1}",
            "Worker a100-0 in pod glm-a100-0 on node roomy: The cache folder /cache cannot be used (java.nio.file.AccessDeniedException: /cache). Give workers[a100].tensorCache a volume that user 65532 may write to."),
        worker(
            ConditionReason.CONTAINER_CRASHES,
            "Starting",
            "java.lang.IllegalStateException: no\n",
            "Container worker of pod glm-a100-0 on node roomy ended with exit code 1 after 2 restarts: java.lang.IllegalStateException: no. See kubectl logs -n NAMESPACE glm-a100-0 -c worker --previous."),
        ReasonCase.of(
            ConditionReason.OUT_OF_MEMORY,
            "Starting",
            cluster -> {
              cluster.create(
                  spec("a100, replicas: 2, backend: cpu, resources: { limits: { memory: 16Gi } }"));
              cluster.run(Component.WORKER, 1);
              cluster.say(
                  Component.WORKER,
                  0,
                  """
                  phase: Running
                  containerStatuses:
                    - name: CONTAINER
                      ready: false
                      restartCount: 1
                      image: ghcr.io/knarr/part:1
                      imageID: ""
                      state: { waiting: { reason: CrashLoopBackOff } }
                      lastState: { terminated: { exitCode: 137, reason: OOMKilled } }
                  """);
            },
            "Container worker of pod glm-a100-0 on node roomy used more memory than its limit of 16Gi and was killed. Raise resources.limits.memory of workers[a100], or give it less of the model."),
        ReasonCase.of(
            ConditionReason.IMAGE_PULL_FAILED,
            "Pending",
            cluster -> {
              cluster.create(SPEC);
              cluster.waits(
                  Component.WORKER,
                  0,
                  "ErrImagePull",
                  "registry.example/knarr/worker-cpu:1: not found");
            },
            "Image registry.example/knarr/worker-cpu:1 for container worker of pod glm-a100-0 on node roomy cannot be pulled (ErrImagePull): registry.example/knarr/worker-cpu:1: not found. Correct its name, let the node reach the registry, or give the operator a pull secret."),
        ReasonCase.of(
            ConditionReason.MOUNT_FAILED,
            "Pending",
            PodReasons::mountFails,
            "A volume of pod glm-a100-0 on node roomy cannot be mounted: MountVolume.SetUp failed for volume \"knarr-tls\" : secret \"mine\" not found. Create what is missing; the pod goes on by itself."),
        ReasonCase.of(
            ConditionReason.UNSCHEDULABLE,
            "Pending",
            cluster ->
                cluster.create(
                    spec(
                        "a100, backend: cuda, image: \"registry.example/cuda:1\", devices: { resource: nvidia.com/gpu, count: 2 }")),
            "No node takes pod glm-a100-0, which asks for nvidia.com/gpu: 2. The scheduler says: 0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling. Add or free such a node, or change devices, resources, nodeSelector or tolerations of workers[a100]."),
        ReasonCase.of(
            ConditionReason.QUEUED,
            "Pending",
            PodReasons::queue,
            "Pod glm-a100-0 is held back by scheduling gate kueue.x-k8s.io/admission. It starts when what set the gate, such as a queue, takes it away. The same goes for a100-1."),
        ReasonCase.of(
            ConditionReason.PODS_REFUSED,
            "Pending",
            PodReasons::allowNoPods,
            "Kubernetes refuses pods of workers[a100]: create Pod glm-a100-0 in StatefulSet glm-a100 failed error: pods \"glm-a100-0\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0. Raise the quota of the namespace, or ask for less."),
        ReasonCase.of(
                ConditionReason.PODS_REFUSED,
                "Pending",
                PodReasons::restrict,
                "Kubernetes refuses the pod that brings the model: Error creating: pods \"FETCH\" is forbidden: violates PodSecurity \"restricted:latest\": restricted volume types (volume \"knarr-model\" uses restricted volume type \"hostPath\"). Remove what the namespace's pod security level forbids, such as hostPath, or run the cluster in a namespace whose level allows it.")
            .as("by-security"),
        ReasonCase.of(
            ConditionReason.NODE_LOST,
            "Starting",
            PodReasons::loseTheNode,
            "Node doomed of pod glm-a100-0 has not been ready since SINCE (Kubelet stopped posting node status.). Bring the node back, or remove it with kubectl delete node doomed: then the pod starts on another one."));
  }

  private static ReasonCase worker(
      ConditionReason reason, String phase, String lastWords, String sentence) {
    return ReasonCase.of(
        reason,
        phase,
        cluster -> {
          cluster.create(SPEC);
          cluster.run(Component.WORKER, 1);
          cluster.ended(Component.WORKER, 0, lastWords);
        },
        sentence);
  }

  private static void mountFails(PlayedCluster cluster) {
    cluster.create(
        SPEC
            + "network: { tls: { mode: Secret, headSecretName: mine, workersSecretName: mine } }\n");
    cluster.waits(Component.WORKER, 0, "ContainerCreating", "");
    var pod = cluster.pod(Component.WORKER, 0);
    cluster.add(
        Event.class,
        """
        apiVersion: v1
        kind: Event
        metadata: { name: mount }
        involvedObject: { apiVersion: v1, kind: Pod, namespace: %s, name: glm-a100-0, uid: %s }
        reason: FailedMount
        type: Warning
        message: 'MountVolume.SetUp failed for volume "knarr-tls" : secret "mine" not found'
        lastTimestamp: "2026-11-22T11:00:00Z"
        """
            .formatted(cluster.namespace(), PlayedCluster.uid(pod)));
  }

  /** As a queue's webhook would, which puts its gate on each pod. */
  private static void queue(PlayedCluster cluster) {
    cluster.create(SPEC);
    cluster.pod(Component.WORKER, 1);
    cluster
        .client()
        .resource(
            Scene.yaml(
                StatefulSet.class,
                """
                apiVersion: apps/v1
                kind: StatefulSet
                metadata: { name: glm-a100, namespace: %s }
                spec: { template: { spec: { schedulingGates: [ { name: kueue.x-k8s.io/admission } ] } } }
                """
                    .formatted(cluster.namespace())))
        .patch(
            new PatchContext.Builder()
                .withPatchType(PatchType.SERVER_SIDE_APPLY)
                .withFieldManager("kueue")
                .build());
    await("its pods are held back")
        .atMost(PlayedCluster.LIMIT)
        .until(
            () -> {
              var there = cluster.pods(Component.WORKER);
              var free =
                  there.stream()
                      .filter(pod -> pod.getSpec().getSchedulingGates().isEmpty())
                      .toList();
              free.forEach(pod -> cluster.client().resource(pod).withGracePeriod(0).delete());
              return there.size() == 2 && free.isEmpty();
            });
  }

  private static void allowNoPods(PlayedCluster cluster) {
    cluster.limit("pods");
    cluster.create(SPEC);
  }

  private static void restrict(PlayedCluster cluster) {
    cluster
        .client()
        .namespaces()
        .withName(cluster.namespace())
        .edit(
            known -> {
              known
                  .getMetadata()
                  .getLabels()
                  .put("pod-security.kubernetes.io/enforce", "restricted");
              return known;
            });
    cluster.create(PlayedCluster.ON_NODE);
  }

  private static void loseTheNode(PlayedCluster cluster) {
    cluster.create(
        spec(
            "a100, replicas: 1, backend: cpu, nodeSelector: { name: %1$s }, tolerations: [ { key: %1$s, operator: Exists } ]"
                .formatted(Stage.DOOMED)));
    cluster.placed(Component.WORKER, 0);
    cluster
        .stage()
        .sayOfNode(
            Stage.DOOMED,
            "{ type: Ready, status: Unknown, reason: NodeStatusUnknown, message: Kubelet stopped posting node status., lastTransitionTime: \"%s\" }"
                .formatted(cluster.since()));
    // As the node's controller does it: the containers stay as they were last seen.
    cluster.say(
        Component.WORKER,
        0,
        Scene.RUNNING.replaceFirst(
            "type: Ready, status: \"True\"", "type: Ready, status: \"False\""));
  }
}
