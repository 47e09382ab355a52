// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static dev.knarr.operator.Scene.RUNNING;

import dev.knarr.operator.Scene;
import io.fabric8.kubernetes.client.utils.Serialization;

/** Clusters in trouble, as tests of reasons need them. */
final class ReasonScenes {
  private ReasonScenes() {}

  static Scene starting() {
    return Scene.empty()
        .modelDone()
        .set(2)
        .deployment("{ replicas: 1 }")
        .worker("a100-1", RUNNING)
        .headPod(RUNNING);
  }

  static String crashed(String message) {
    return Scene.ENDED.formatted(Serialization.asJson(message));
  }

  static Scene fetchEnded(String reason, String message) {
    return Scene.empty()
        .job("{ active: 1 }")
        .modelPod(
            crashed(
                "{\"reason\":\"%s\",\"message\":\"%s\",\"bytes\":0}".formatted(reason, message)));
  }

  static Scene headGaveUp(String reason, String message) {
    return Scene.running()
        .head(
            Scene.head("Failed", reason, message, Scene.proven("a100-0"), Scene.proven("a100-1")));
  }

  static Scene headDoes(String phase, String reason, String message) {
    return Scene.running()
        .head(Scene.head(phase, reason, message, Scene.proven("a100-0"), Scene.proven("a100-1")));
  }

  static Scene waitsFor(String reason, String message) {
    return starting()
        .worker(
            "a100-0",
            """
            phase: Pending
            conditions: [ { type: PodScheduled, status: "True" } ]
            containerStatuses:
              - name: CONTAINER
                ready: false
                restartCount: 0
                image: ghcr.io/knarr/worker:nope
                state: { waiting: { reason: %s, message: %s } }
            """
                .formatted(reason, Serialization.asJson(message)));
  }

  static Scene notScheduled(String spec, String reason, String message) {
    return starting()
        .pendingWorker(
            "a100-0",
            spec,
            """
            phase: Pending
            conditions: [ { type: PodScheduled, status: "False", reason: %s, message: %s } ]
            """
                .formatted(reason, Serialization.asJson(message)));
  }

  static String headSays(String phase, String reason, String message) {
    return Scene.head(phase, reason, message, Scene.proven("a100-0"), Scene.proven("a100-1"));
  }
}
