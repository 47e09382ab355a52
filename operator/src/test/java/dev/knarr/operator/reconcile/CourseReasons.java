// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static dev.knarr.operator.reconcile.PlayedCluster.ON_NODE;
import static dev.knarr.operator.reconcile.PlayedCluster.SPEC;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.operator.Labels.Component;
import dev.knarr.operator.Scene;
import java.util.List;

/** The usual course of a cluster: nothing is wrong. */
final class CourseReasons {
  private static final String CHANGED =
      SPEC.replace("backend: cpu", "backend: cpu, env: [ { name: TURN, value: \"2\" } ]");

  private CourseReasons() {}

  static List<ReasonCase> cases() {
    return List.of(
        ReasonCase.of(
            ConditionReason.AS_PLANNED,
            "Ready",
            cluster -> {
              cluster.create(SPEC);
              cluster.serve(Scene.readyHead());
            },
            "The endpoint http://glm.NAMESPACE.svc:8080/v1 answers; all 2 workers have computed on each of their devices."),
        ReasonCase.of(
            ConditionReason.STOPPED,
            "Stopped",
            cluster -> cluster.create(SPEC + "replicas: 0\n"),
            "The spec asks for no replicas. Set replicas to 1 to start."),
        ReasonCase.of(
                ConditionReason.WAITING,
                "Fetching",
                cluster -> cluster.create(ON_NODE),
                "Workers start when the model is there.")
            .on(ConditionType.WORKERS_READY),
        ReasonCase.of(
            ConditionReason.MODEL_FETCHING,
            "Fetching",
            cluster -> {
              cluster.create(SPEC);
              cluster.fetch(Component.HEAD, "Fetching", 12, "ModelFetching");
            },
            "The model is fetched: 12 % of 40Gi."),
        ReasonCase.of(
            ConditionReason.MODEL_VERIFYING,
            "Fetching",
            cluster -> {
              cluster.create(ON_NODE);
              cluster.fetch(Component.MODEL, "Verifying", 88, "ModelVerifying");
            },
            "The model's files are checked: 88 % of 40Gi."),
        ReasonCase.of(
            ConditionReason.WORKERS_STARTING,
            "Starting",
            cluster -> {
              cluster.create(SPEC);
              cluster.serve(
                  Scene.head(
                      "ProvingWorkers",
                      "AsPlanned",
                      "Proving 2 workers.",
                      Scene.proven("a100-0"),
                      Scene.waiting("a100-1", "")));
            },
            "1 of 2 workers are proven. Waiting for a100-1."),
        ReasonCase.of(
            ConditionReason.HEAD_STARTING,
            "Starting",
            cluster -> {
              cluster.create(SPEC);
              cluster.runWorkers();
              cluster.answer(cluster.head(Scene.readyHead()));
              cluster.say(
                  Component.HEAD,
                  0,
                  Scene.RUNNING
                      .replace("type: Ready, status: \"True\"", "type: Ready, status: \"False\"")
                      .replace("ready: true", "ready: false"));
            },
            "llama-server has loaded the model; Kubernetes has not seen yet that its pod is ready."),
        HeadReasons.does(
            ConditionReason.HEAD_PROVING,
            "Starting",
            "ProvingServer",
            "AsPlanned",
            "Finding out whether /app/llama-server can use the workers."),
        ReasonCase.of(
            ConditionReason.MODEL_LOADING,
            "Starting",
            HeadReasons.head("Loading", "AsPlanned", "llama-server brings the weights."),
            "llama-server brings the weights to the workers: 42 %."),
        HeadReasons.does(
            ConditionReason.STOP_REQUESTED,
            "Starting",
            "Stopping",
            "StopRequested",
            "The head stops."),
        ReasonCase.of(
            ConditionReason.DRAINING,
            "Starting",
            CourseReasons::changeWhileItServes,
            "The head finishes its answers and ends, because workers are changed in a100."),
        ReasonCase.of(
            ConditionReason.ROLLING_OUT,
            "Starting",
            cluster -> {
              changeWhileItServes(cluster);
              // As its kubelet does when the head has ended.
              await("the head is told to end")
                  .atMost(PlayedCluster.LIMIT)
                  .until(() -> cluster.pod(Component.HEAD, 0).isMarkedForDeletion());
              cluster.client().resource(cluster.pod(Component.HEAD, 0)).withGracePeriod(0).delete();
            },
            "Pods are replaced, because workers are changed in a100."));
  }

  private static void changeWhileItServes(PlayedCluster cluster) throws Exception {
    cluster.create(SPEC);
    cluster.serve(Scene.readyHead());
    await("it serves")
        .atMost(PlayedCluster.LIMIT)
        .until(() -> "Ready".equals(cluster.status().getPhase()));
    cluster.change(CHANGED);
  }
}
