// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static dev.knarr.operator.Scene.RUNNING;
import static dev.knarr.operator.reconcile.ReasonScenes.crashed;
import static dev.knarr.operator.reconcile.ReasonScenes.fetchEnded;
import static dev.knarr.operator.reconcile.ReasonScenes.headDoes;
import static dev.knarr.operator.reconcile.ReasonScenes.headGaveUp;
import static dev.knarr.operator.reconcile.ReasonScenes.headSays;
import static dev.knarr.operator.reconcile.ReasonScenes.notScheduled;
import static dev.knarr.operator.reconcile.ReasonScenes.starting;
import static dev.knarr.operator.reconcile.ReasonScenes.waitsFor;
import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.api.v1alpha1.SpecRules;
import dev.knarr.operator.Scene;
import io.fabric8.kubernetes.api.model.Condition;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every reason there is, with what leads to it and the words that a user sees. */
class ReasonsTest {
  private static final Map<ConditionReason, Case> CASES = new EnumMap<>(ConditionReason.class);

  /**
   * One reason.
   *
   * @param type the condition that has it
   * @param phase of the cluster
   */
  private record Case(Scene scene, Pass pass, ConditionType type, String phase, String sentence) {}

  private static final Pass APPLIED = Pass.applied(Optional.of(Scene.REVISION), Optional.empty());

  private static void ready(ConditionReason reason, String phase, Scene scene, String sentence) {
    CASES.put(reason, new Case(scene, APPLIED, ConditionType.READY, phase, sentence));
  }

  private static void ready(
      ConditionReason reason, String phase, Pass pass, Scene scene, String sentence) {
    CASES.put(reason, new Case(scene, pass, ConditionType.READY, phase, sentence));
  }

  static {
    ready(
        ConditionReason.AS_PLANNED,
        "Ready",
        Scene.ready(),
        "The endpoint http://glm.models.svc:8080/v1 answers; all 2 workers have computed on each of their devices.");
    ready(
        ConditionReason.STOPPED,
        "Stopped",
        Scene.empty().change(cluster -> cluster.getSpec().setReplicas(0)),
        "The spec asks for no replicas. Set replicas to 1 to start.");
    ready(
        ConditionReason.WAITING,
        "Pending",
        Scene.empty(),
        "Nothing has looked for the model's files yet.");
    ready(
        ConditionReason.MODEL_FETCHING,
        "Fetching",
        Scene.empty()
            .job("{ active: 1 }")
            .modelPod(RUNNING)
            .fetch("Fetching", 12, "ModelFetching", "…"),
        "The model is fetched: 12 % of 40Gi.");
    ready(
        ConditionReason.MODEL_VERIFYING,
        "Fetching",
        Scene.empty()
            .job("{ active: 1 }")
            .modelPod(RUNNING)
            .fetch("Verifying", 88, "ModelVerifying", "…"),
        "The model's files are checked: 88 % of 40Gi.");
    ready(
        ConditionReason.MODEL_NOT_FOUND,
        "Failed",
        fetchEnded("ModelNotFound", "huggingface.co has no glm.gguf (404). Correct file."),
        "The fetch in pod glm-model-00aa11bb-x7k2p on node n2: huggingface.co has no glm.gguf (404). Correct file.");
    ready(
        ConditionReason.MODEL_ACCESS_DENIED,
        "Failed",
        fetchEnded(
            "ModelAccessDenied", "huggingface.co asks for a token (401). Name tokenSecretRef."),
        "The fetch in pod glm-model-00aa11bb-x7k2p on node n2: huggingface.co asks for a token (401). Name tokenSecretRef.");
    ready(
        ConditionReason.MODEL_CHECKSUM_MISMATCH,
        "Failed",
        fetchEnded("ModelChecksumMismatch", "glm.gguf has another SHA-256. Correct sha256."),
        "The fetch in pod glm-model-00aa11bb-x7k2p on node n2: glm.gguf has another SHA-256. Correct sha256.");
    ready(
        ConditionReason.MODEL_NO_SPACE,
        "Failed",
        fetchEnded("ModelNoSpace", "40Gi are needed and 3Gi are free. Use a larger claim."),
        "The fetch in pod glm-model-00aa11bb-x7k2p on node n2: 40Gi are needed and 3Gi are free. Use a larger claim.");
    ready(
        ConditionReason.MODEL_SERVER_UNREACHABLE,
        "Starting",
        Scene.running()
            .headPod(
                crashed(
                    "{\"reason\":\"ModelServerUnreachable\",\"message\":\"huggingface.co cannot be reached. Set a proxy.\"}")),
        "The head in pod glm-head-7d9f on node n2: huggingface.co cannot be reached. Set a proxy.");
    ready(
        ConditionReason.MODEL_UNREADABLE,
        "Failed",
        headGaveUp("ModelUnreadable", "glm.gguf is no GGUF. Fetch it again."),
        "glm.gguf is no GGUF. Fetch it again.");
    ready(
        ConditionReason.IMAGE_VOLUMES_UNSUPPORTED,
        "Failed",
        Pass.refused(
            new Notice(
                ConditionReason.IMAGE_VOLUMES_UNSUPPORTED,
                "The API server drops image volumes. Turn the gate ImageVolume on, or use a claim.")),
        Scene.empty(),
        "The API server drops image volumes. Turn the gate ImageVolume on, or use a claim.");
    ready(
        ConditionReason.CLAIM_PENDING,
        "Starting",
        notScheduled(
                "volumes: [ { name: cache, persistentVolumeClaim: { claimName: cache-glm-a100-0 } } ]",
                "Unschedulable",
                "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found")
            .claim(
                "cache-glm-a100-0",
                """
                metadata: { name: cache-glm-a100-0, namespace: models, uid: uid-of-cache-glm-a100-0 }
                spec: { }
                status: { phase: Pending }
                """)
            .event(
                "cache-glm-a100-0",
                "FailedBinding",
                "no persistent volumes available for this claim and no storage class is set"),
        "Pod glm-a100-0 waits for its volumes. Claim cache-glm-a100-0 is not bound (no persistent volumes available for this claim and no storage class is set): make a PersistentVolume of its size and access modes, or name a storage class.");
    ready(
        ConditionReason.MODEL_DOES_NOT_FIT,
        "Failed",
        headGaveUp("ModelDoesNotFit", "3Gi are missing. Use a shorter context."),
        "3Gi are missing. Use a shorter context.");
    ready(
        ConditionReason.WORKERS_STARTING,
        "Starting",
        Scene.running()
            .head(
                Scene.head(
                    "ProvingWorkers",
                    "AsPlanned",
                    "Proving 2 workers.",
                    Scene.proven("a100-0"),
                    Scene.waiting("a100-1", ""))),
        "1 of 2 workers are proven. Waiting for a100-1.");
    ready(
        ConditionReason.WORKER_UNREACHABLE,
        "Starting",
        Scene.running()
            .head(
                Scene.head(
                    "ProvingWorkers",
                    "WorkerUnreachable",
                    "Waiting for 1 of 2 workers.",
                    Scene.proven("a100-0"),
                    Scene.waiting(
                        "a100-1", "it accepted the connection and said nothing for 5 s"))),
        "Worker a100-1 (pod glm-a100-1): it accepted the connection and said nothing for 5 s. See kubectl logs -n models glm-a100-1.");
    ready(
        ConditionReason.WORKER_UNSUITABLE,
        "Failed",
        headGaveUp(
            "WorkerUnsuitable", "Worker a100-1 speaks protocol 7. Use its image of version 8."),
        "Worker a100-1 speaks protocol 7. Use its image of version 8.");
    ready(
        ConditionReason.WORKER_LOST,
        "Degraded",
        Scene.running()
            .head(
                Scene.head(
                    "WaitingForWorkers",
                    "WorkerLost",
                    "Worker a100-1 closed the connection.",
                    Scene.proven("a100-0"),
                    Scene.lost("a100-1", "It closed the connection."))),
        "Worker a100-1 (pod glm-a100-1): It closed the connection. See kubectl logs -n models glm-a100-1.");
    ready(
        ConditionReason.REDUCED_PLAN,
        "Degraded",
        Scene.ready()
            .head(
                Scene.head(
                    "Ready",
                    "ReducedPlan",
                    "glm answers without a100-1.",
                    Scene.proven("a100-0"),
                    Scene.waiting("a100-1", "Missing for 130 s: it refuses the connection."))),
        "The endpoint http://glm.models.svc:8080/v1 answers by a plan over a part of the workers; the others are taken in when they are back and no request is running. Worker a100-1 (pod glm-a100-1): Missing for 130 s: it refuses the connection. See kubectl logs -n models glm-a100-1.");
    ready(
        ConditionReason.TOO_MANY_DEVICES,
        "Failed",
        headGaveUp("TooManyDevices", "16 devices are offered, 14 can be used. Use fewer."),
        "16 devices are offered, 14 can be used. Use fewer.");
    ready(
        ConditionReason.UNKNOWN_DEVICE,
        "Failed",
        starting()
            .worker(
                "a100-0",
                crashed(
                    "12:00 INFO starting\n12:00 ERROR The worker cannot run: UnknownDevice: There is no device CUDA0; ggml found CPU.\n")),
        "Worker a100-0 in pod glm-a100-0 on node n1: There is no device CUDA0; ggml found CPU. Check devices, image and runtimeClass of workers[a100].");
    ready(
        ConditionReason.CACHE_NOT_WRITABLE,
        "Failed",
        starting()
            .worker(
                "a100-0",
                crashed(
                    "{\"level\":\"ERROR\",\"message\":\"The worker cannot run: CacheNotWritable: The cache folder /cache cannot be used.\",\"pid\":1}")),
        "Worker a100-0 in pod glm-a100-0 on node n1: The cache folder /cache cannot be used. Give workers[a100].tensorCache a volume that user 65532 may write to.");
    ready(
        ConditionReason.HEAD_STARTING,
        "Starting",
        Scene.running().head(headSays("Starting", "AsPlanned", "The head is starting.")),
        "The head is starting.");
    ready(
        ConditionReason.HEAD_PROVING,
        "Starting",
        headDoes(
            "ProvingServer", "AsPlanned", "Finding out whether llama-server can use the workers."),
        "Finding out whether llama-server can use the workers.");
    ready(
        ConditionReason.MODEL_LOADING,
        "Starting",
        headDoes("Loading", "AsPlanned", "…"),
        "llama-server brings the weights to the workers: 42 %.");
    ready(
        ConditionReason.HEAD_UNREACHABLE,
        "Starting",
        Scene.running()
            .headSilent(
                "The head in pod glm-head-7d9f at 10.0.0.7 is not to be reached: it refuses the connection.",
                false),
        "The head in pod glm-head-7d9f at 10.0.0.7 is not to be reached: it refuses the connection. See kubectl logs -n models glm-head-7d9f; policies must let the operator reach port 9052 of the pod.");
    ready(
        ConditionReason.CONFIG_INVALID,
        "Failed",
        headGaveUp("ConfigInvalid", "head.json: unknown field. Report this."),
        "head.json: unknown field. Report this.");
    ready(
        ConditionReason.ARGUMENT_REFUSED,
        "Failed",
        headGaveUp("ArgumentRefused", "--rpc is set by the plan. Remove it."),
        "--rpc is set by the plan. Remove it.");
    ready(
        ConditionReason.HEAD_IMAGE_UNSUITABLE,
        "Failed",
        headGaveUp("HeadImageUnsuitable", "llama-server has no RPC. Use an image built with it."),
        "llama-server has no RPC. Use an image built with it.");
    ready(
        ConditionReason.ENDPOINT_TAKEN,
        "Failed",
        headGaveUp("EndpointTaken", "Port 8080 is in use. Choose another."),
        "Port 8080 is in use. Choose another.");
    ready(
        ConditionReason.LLAMA_SERVER_ENDED,
        "Degraded",
        headDoes(
            "Restarting",
            "LlamaServerEnded",
            "llama-server ended with signal 9. It starts again in 2 s."),
        "llama-server ended with signal 9. It starts again in 2 s.");
    ready(
        ConditionReason.LLAMA_SERVER_STALLED,
        "Degraded",
        headDoes("Restarting", "LlamaServerStalled", "llama-server made no progress for 600 s."),
        "llama-server made no progress for 600 s.");
    ready(
        ConditionReason.STOP_REQUESTED,
        "Starting",
        headDoes("Stopping", "StopRequested", "The head stops."),
        "The head stops.");
    ready(
        ConditionReason.ROLLING_OUT,
        "Starting",
        Pass.applied(
            Optional.of(Scene.REVISION),
            Optional.of(
                new Notice(
                    ConditionReason.ROLLING_OUT,
                    "Pods are replaced, because workers are changed in a100."))),
        Scene.running(),
        "Pods are replaced, because workers are changed in a100.");
    ready(
        ConditionReason.DRAINING,
        "Starting",
        Pass.applied(
            Optional.of(Scene.REVISION),
            Optional.of(
                new Notice(
                    ConditionReason.DRAINING,
                    "The head finishes its answers and ends, because workers are changed in a100."))),
        Scene.ready(),
        "The head finishes its answers and ends, because workers are changed in a100.");
    ready(
        ConditionReason.IMAGE_PULL_FAILED,
        "Starting",
        waitsFor(
            "ImagePullBackOff",
            "Back-off pulling image \"ghcr.io/knarr/worker:nope\": ErrImagePull: not found"),
        "Image ghcr.io/knarr/worker:nope for container worker of pod glm-a100-0 on node n1 cannot be pulled (ImagePullBackOff): Back-off pulling image \"ghcr.io/knarr/worker:nope\": ErrImagePull: not found. Correct its name, let the node reach the registry, or give the operator a pull secret.");
    ready(
        ConditionReason.UNSCHEDULABLE,
        "Starting",
        notScheduled(
            "", "Unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."),
        "No node takes pod glm-a100-0, which asks for memory: 16Gi and nvidia.com/gpu: 2. The scheduler says: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu. Add or free such a node, or change devices, resources, nodeSelector or tolerations of workers[a100].");
    ready(
        ConditionReason.QUEUED,
        "Starting",
        notScheduled(
            "schedulingGates: [ { name: kueue.x-k8s.io/admission } ]",
            "SchedulingGated",
            "Scheduling is blocked due to non-empty scheduling gates"),
        "Pod glm-a100-0 is held back by scheduling gate kueue.x-k8s.io/admission. It starts when what set the gate, such as a queue, takes it away.");
    ready(
        ConditionReason.PODS_REFUSED,
        "Starting",
        starting()
            .event(
                "glm-a100",
                "FailedCreate",
                "create Pod glm-a100-0 in StatefulSet glm-a100 failed error: pods \"glm-a100-0\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2"),
        "Kubernetes refuses pods of workers[a100]: create Pod glm-a100-0 in StatefulSet glm-a100 failed error: pods \"glm-a100-0\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2. Raise the quota of the namespace, or ask for less.");
    ready(
        ConditionReason.CONTAINER_CRASHES,
        "Starting",
        starting().worker("a100-0", crashed("java.lang.IllegalStateException: no\n")),
        "Container worker of pod glm-a100-0 on node n1 ended with exit code 1 after 2 restarts: java.lang.IllegalStateException: no. See kubectl logs -n models glm-a100-0 -c worker --previous.");
    ready(
        ConditionReason.OUT_OF_MEMORY,
        "Starting",
        starting()
            .worker(
                "a100-0",
                """
                phase: Running
                containerStatuses:
                  - name: CONTAINER
                    ready: false
                    restartCount: 1
                    image: ghcr.io/knarr/part:1
                    state: { running: { startedAt: "2026-11-22T11:59:50Z" } }
                    lastState: { terminated: { exitCode: 137, reason: OOMKilled } }
                """),
        "Container worker of pod glm-a100-0 on node n1 used more memory than its limit of 16Gi and was killed. Raise resources.limits.memory of workers[a100], or give it less of the model.");
    ready(
        ConditionReason.MOUNT_FAILED,
        "Starting",
        waitsFor("ContainerCreating", "")
            .event(
                "glm-a100-0",
                "FailedMount",
                "MountVolume.SetUp failed for volume \"tls\" : secret \"glm-workers\" not found"),
        "A volume of pod glm-a100-0 on node n1 cannot be mounted: MountVolume.SetUp failed for volume \"tls\" : secret \"glm-workers\" not found. Create what is missing; the pod goes on by itself.");
    ready(
        ConditionReason.NODE_LOST,
        "Starting",
        Scene.ready()
            .node("n1", "has not been ready since 11:59 (Kubelet stopped posting node status.)"),
        "Node n1 of pod glm-a100-0 has not been ready since 11:59 (Kubelet stopped posting node status.). Bring the node back, or remove it with kubectl delete node n1: then the pod starts on another one. The same goes for a100-1.");
    ready(
        ConditionReason.NAME_TAKEN,
        "Failed",
        Pass.refused(
            new Notice(
                ConditionReason.NAME_TAKEN,
                "Service glm belongs to somebody else. Rename the cluster, or delete the Service.")),
        Scene.empty(),
        "Service glm belongs to somebody else. Rename the cluster, or delete the Service.");
    var invalid = Scene.empty().change(cluster -> cluster.getSpec().setReplicas(2));
    ready(
        ConditionReason.SPEC_INVALID,
        "Failed",
        Pass.invalid(SpecRules.check(invalid.cluster)),
        invalid,
        "spec.replicas: replicas must be 0 or 1. Add workers for larger models, or make a second cluster for more answers.");
    ready(
        ConditionReason.API_REFUSED,
        "Failed",
        Pass.refused(
            new Notice(
                ConditionReason.API_REFUSED,
                "StatefulSet glm-a100 is refused: priorityClassName fast is not there. Correct it.")),
        Scene.empty(),
        "StatefulSet glm-a100 is refused: priorityClassName fast is not there. Correct it.");
    ready(
        ConditionReason.INTERNAL_ERROR,
        "Starting",
        Pass.refused(
            new Notice(ConditionReason.INTERNAL_ERROR, "The operator failed: x. Report it.")),
        Scene.running(),
        "The operator failed: x. Report it.");
  }

  @ParameterizedTest
  @EnumSource
  void whenAReasonExists_thenSomethingLeadsToIt(ConditionReason reason) {
    assertThat(CASES).containsKey(reason);
  }

  @TestFactory
  List<DynamicTest> whenItHappens_thenTheUserIsTold() {
    return CASES.entrySet().stream()
        .map(entry -> DynamicTest.dynamicTest(entry.getKey().value(), () -> check(entry)))
        .toList();
  }

  private static void check(Map.Entry<ConditionReason, Case> entry) {
    var expected = entry.getValue();

    var status = StatusBuilder.build(expected.scene.cluster, expected.pass, expected.scene.seen());

    var condition = Conditions.find(status, expected.type).orElseThrow();
    assertThat(condition.getMessage()).isEqualTo(expected.sentence);
    assertThat(condition.getReason()).isEqualTo(entry.getKey().value());
    assertThat(status.getReason()).isEqualTo(entry.getKey().value());
    assertThat(status.getPhase()).isEqualTo(expected.phase);
    assertThat(Conditions.isTrue(status, ConditionType.STALLED))
        .isEqualTo(expected.phase.equals("Failed"));
    assertThat(Conditions.isTrue(status, ConditionType.READY))
        .isEqualTo(expected.phase.equals("Ready"));
  }

  @Test
  void whenAConditionIsGiven_thenItHasAllFields() {
    for (var expected : CASES.values()) {
      var status =
          StatusBuilder.build(expected.scene.cluster, expected.pass, expected.scene.seen());

      assertThat(status.getConditions())
          .hasSize(ConditionType.values().length)
          .allSatisfy(
              condition -> {
                assertThat(condition.getReason()).matches("[A-Z][A-Za-z]+");
                assertThat(condition.getMessage()).isNotBlank();
                assertThat(condition.getObservedGeneration()).isEqualTo(3);
                assertThat(condition.getLastTransitionTime()).isNotBlank();
              })
          .extracting(Condition::getType)
          .doesNotHaveDuplicates();
    }
  }
}
