// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionReason;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What can be wrong with a cluster, each told by Ready on a real Kubernetes. */
@ExtendWith(RealCluster.class)
class TroublesE2E {
  private static final String DEMO = ServedModel.file("demo-model", ServedModel.FILE);
  private static final String ONE_WORKER = "workers: [{name: cpu, replicas: 1, backend: cpu%s}]";

  static Stream<Arguments> troubles() {
    var plain = ONE_WORKER.formatted("");
    return Stream.of(
        trouble(
            ConditionReason.CLAIM_PENDING,
            "There is no claim absent in namespace default",
            ServedModel.file("absent", ServedModel.FILE),
            plain),
        trouble(
            ConditionReason.MODEL_NOT_FOUND,
            "absent.gguf does not exist",
            ServedModel.file("demo-model", "absent.gguf"),
            plain),
        trouble(
            ConditionReason.MOUNT_FAILED,
            "secret \"absent\" not found",
            DEMO,
            plain + ", head: {apiKeySecretRef: {name: absent, key: keys}}"),
        trouble(
            ConditionReason.UNSCHEDULABLE,
            "asks for nvidia.com/gpu: 1",
            DEMO,
            ONE_WORKER.formatted(", devices: {resource: nvidia.com/gpu, count: 1}")),
        trouble(
            ConditionReason.PODS_REFUSED,
            "violates PodSecurity",
            DEMO,
            ONE_WORKER.formatted(", tensorCache: {hostPath: {path: /var/lib/knarr}}")),
        trouble(
            ConditionReason.MODEL_DOES_NOT_FIT,
            "too little",
            DEMO + ", parallelSequences: 64",
            ONE_WORKER.formatted(", resources: {limits: {memory: 150Mi}}")),
        trouble(
            ConditionReason.UNKNOWN_DEVICE,
            "split.devices names cpu-0/3, which is not there",
            DEMO,
            plain + ", split: {devices: [{name: cpu-0/3}]}"));
  }

  private static Arguments trouble(
      ConditionReason reason, String words, String model, String spec) {
    return Arguments.of(reason, words, model, spec);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("troubles")
  void whenSomethingIsWrong_thenReadyNamesIt(
      ConditionReason reason, String words, String model, String spec, Kubernetes kubernetes) {
    var troubled = ServedModel.apply(kubernetes, "troubled", model, spec);
    try {
      troubled.awaitTrouble(reason, words);
    } finally {
      troubled.delete();
    }
  }

  @Test
  void whenPacketsToAWorkerAreDropped_thenItIsNamedAndNeverReady(Kubernetes kubernetes)
      throws Exception {
    kubernetes.requireThisMachine("a worker whose packets are dropped");
    var model = ServedModel.apply(kubernetes, "troubled", ONE_WORKER.formatted(""));
    try {
      model.awaitReady();
      try (var _ = DroppedPackets.to(model.pods("worker").getFirst().getStatus().getPodIP())) {
        model
            .pods("head")
            .forEach(pod -> kubernetes.client().resource(pod).withGracePeriod(0).delete());
        model.awaitTrouble(ConditionReason.WORKER_UNREACHABLE, "cpu-0");
        await("Ready to stay away")
            .during(Duration.ofSeconds(20))
            .atMost(Duration.ofMinutes(1))
            .until(() -> !model.ready());
      }
      model.awaitReady();
    } finally {
      model.delete();
    }
  }

  @Test
  void whenAWorkerIsFrozenBeforeItIsProven_thenItIsNamedAndNeverReady(Kubernetes kubernetes) {
    kubernetes.requireThisMachine("a worker that is frozen before it is proven");
    var model = ServedModel.apply(kubernetes, "troubled", ONE_WORKER.formatted(""));
    try {
      model.awaitReady();
      var worker = PodProcess.of(kubernetes.client(), "troubled-cpu-0");
      worker.freeze();
      try {
        // The next head knows nothing of what the last one has proven.
        model
            .pods("head")
            .forEach(pod -> kubernetes.client().resource(pod).withGracePeriod(0).delete());
        model.awaitTrouble(ConditionReason.WORKER_UNREACHABLE, "cpu-0");
        assertThat(model.ready()).isFalse();
      } finally {
        worker.thaw();
      }
      model.awaitReady();
    } finally {
      model.delete();
    }
  }

  @Test
  void whenAQuotaRefusesPods_thenItIsNamedAndPassesWithTheQuota(Kubernetes kubernetes) {
    var quota =
        kubernetes
            .client()
            .resource(
                """
                apiVersion: v1
                kind: ResourceQuota
                metadata: {name: no-more-pods, namespace: default}
                spec: {hard: {pods: "0"}}
                """);
    quota.create();
    var model = ServedModel.apply(kubernetes, "troubled", ONE_WORKER.formatted(""));
    try {
      model.awaitTrouble(ConditionReason.PODS_REFUSED, "exceeded quota: no-more-pods");

      quota.delete();
      model.awaitReady();
    } finally {
      quota.delete();
      model.delete();
    }
  }
}
