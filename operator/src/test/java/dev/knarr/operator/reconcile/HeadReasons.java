// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static dev.knarr.operator.reconcile.PlayedCluster.SPEC;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.Labels.Component;
import dev.knarr.operator.Scene;
import dev.knarr.operator.reconcile.ReasonCase.World;
import java.util.List;

/** What the head finds out, in the words that it has for it. */
final class HeadReasons {
  private HeadReasons() {}

  static List<ReasonCase> cases() {
    return List.of(
        failed(
            ConditionReason.MODEL_DOES_NOT_FIT,
            "The model needs 130.0 GiB, and 124.5 GiB are free on 2 devices. What would help: contextLength 32768; one more worker like a100-1."),
        failed(
            ConditionReason.MODEL_UNREADABLE,
            "/models/store/model/0a1b2c3d/glm.gguf: This is not a GGUF file: it does not begin with 'GGUF'."),
        failed(
            ConditionReason.TOO_MANY_DEVICES,
            "The workers offer 16 devices and llama-server takes at most 14; over the limit: a100-1/6, a100-1/7. Use fewer workers, fewer devices of each (devices.count, or --device of the worker), or name those to use in split.devices."),
        failed(
                ConditionReason.UNKNOWN_DEVICE,
                "split.devices names a100-1/3, which is not there. Name it as one of these: a100-0/0, a100-1/0.")
            .as("in-split"),
        failed(
            ConditionReason.WORKER_UNSUITABLE,
            "Worker a100-1 (glm-a100-1.glm-a100.models.svc:50052) cannot be used: it speaks protocol 9.0.0 and 8.0.0 is needed. Update one of the two."),
        failed(
            ConditionReason.CONFIG_INVALID,
            "TLS towards the workers is not possible: /etc/knarr/tls/tls.key holds no private key."),
        failed(
            ConditionReason.ARGUMENT_REFUSED,
            "The argument --list-devices for llama-server cannot be given (spec.head.args): it is set by the head. Take it out."),
        failed(
            ConditionReason.HEAD_IMAGE_UNSUITABLE,
            "There is no program llama-server in /usr/bin, /app. Use an image that holds llama-server built with ggml's RPC backend (GGML_RPC=ON), or give the path of it."),
        failed(
            ConditionReason.ENDPOINT_TAKEN,
            "The endpoint cannot listen on 0.0.0.0:8080: Address already in use. Stop what listens there, or choose another port."),
        failed(
                ConditionReason.INTERNAL_ERROR,
                "The head failed: java.lang.IllegalStateException: no plan. This is a fault of Knarr: report it with the head's log.")
            .as("of-head"),
        does(
            ConditionReason.LLAMA_SERVER_ENDED,
            "Degraded",
            "Restarting",
            "LlamaServerEnded",
            "llama-server was ended by signal 9. It starts again in 2 s."),
        does(
            ConditionReason.LLAMA_SERVER_STALLED,
            "Degraded",
            "Restarting",
            "LlamaServerStalled",
            "llama-server made no progress for 600 s at 42 % of the weights and printed nothing. It starts again in 2 s."),
        ReasonCase.of(
            ConditionReason.WORKER_UNREACHABLE,
            "Starting",
            cluster -> {
              cluster.create(SPEC);
              cluster.serve(
                  Scene.head(
                      "ProvingWorkers",
                      "WorkerUnreachable",
                      "Waiting for 1 of 2 workers.",
                      Scene.proven("a100-0"),
                      Scene.waiting(
                          "a100-1", "it accepts the connection but says nothing for 5 s")));
            },
            "Worker a100-1 (pod glm-a100-1): it accepts the connection but says nothing for 5 s. See kubectl logs -n NAMESPACE glm-a100-1."),
        ReasonCase.of(
            ConditionReason.WORKER_LOST,
            "Degraded",
            cluster -> {
              cluster.create(SPEC);
              cluster.serve(
                  Scene.head(
                      "WaitingForWorkers",
                      "WorkerLost",
                      "Worker a100-1 closed the connection.",
                      Scene.proven("a100-0"),
                      Scene.lost("a100-1", "It closed the connection.")));
            },
            "Worker a100-1 (pod glm-a100-1): It closed the connection. See kubectl logs -n NAMESPACE glm-a100-1."),
        ReasonCase.of(
            ConditionReason.REDUCED_PLAN,
            "Degraded",
            cluster -> {
              cluster.create(SPEC);
              cluster.serve(
                  Scene.head(
                      "Ready",
                      "ReducedPlan",
                      "glm answers without a100-1.",
                      Scene.proven("a100-0"),
                      Scene.lost("a100-1", "It closed the connection.")));
            },
            "The endpoint http://glm.NAMESPACE.svc:8080/v1 answers by a plan over a part of the workers; the others are taken in when they are back and no request is running. Worker a100-1 (pod glm-a100-1): It closed the connection. See kubectl logs -n NAMESPACE glm-a100-1."),
        ReasonCase.of(
            ConditionReason.HEAD_UNREACHABLE,
            "Starting",
            cluster -> {
              cluster.create(SPEC);
              cluster.runWorkers();
              cluster.run(Component.HEAD, 0);
            },
            "The head in pod HEAD at ADDRESS is not to be reached: it refuses the connection. See kubectl logs -n NAMESPACE HEAD; policies must let the operator reach port 9052 of the pod."));
  }

  /** A head with both workers proven that is in this phase. */
  static World head(String phase, String reason, String message) {
    return cluster -> {
      cluster.create(SPEC);
      cluster.serve(
          Scene.head(phase, reason, message, Scene.proven("a100-0"), Scene.proven("a100-1")));
    };
  }

  /** Its sentence is the user's. */
  static ReasonCase does(
      ConditionReason reason, String phase, String headPhase, String headReason, String message) {
    return ReasonCase.of(reason, phase, head(headPhase, headReason, message), message);
  }

  private static ReasonCase failed(ConditionReason reason, String message) {
    return does(reason, "Failed", "Failed", reason.value(), message);
  }
}
