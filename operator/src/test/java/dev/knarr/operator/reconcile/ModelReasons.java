// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static dev.knarr.operator.reconcile.PlayedCluster.ON_NODE;
import static dev.knarr.operator.reconcile.PlayedCluster.SPEC;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.Labels.Component;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import java.util.List;

/** What keeps the model from being there. */
final class ModelReasons {
  private static final String ON_CLAIM =
      SPEC.replaceFirst("http: \\{[^}]*}", "claim: { claimName: models, path: glm.gguf }");

  private ModelReasons() {}

  static List<ReasonCase> cases() {
    return List.of(
        inJob(
            ConditionReason.MODEL_NOT_FOUND,
            "The model /models/model/glm.gguf does not exist: name the .gguf file, or the first of its parts."),
        inHead(
            ConditionReason.MODEL_ACCESS_DENIED,
            "Failed",
            "glm.gguf cannot be fetched: https://example.org/glm.gguf answered 401. Name a Secret with a token in tokenSecretRef."),
        inHead(
            ConditionReason.MODEL_CHECKSUM_MISMATCH,
            "Failed",
            "glm.gguf from example.org has sha256 00, but the spec says 11. It was removed: start again, and if it happens twice do not use this source."),
        inHead(
            ConditionReason.MODEL_NO_SPACE,
            "Failed",
            "glm.gguf needs 40.0 GiB more, but /models/store/model has 3.0 GiB free. Raise storage.emptyDir.sizeLimit."),
        inHead(
            ConditionReason.MODEL_SERVER_UNREACHABLE,
            "Starting",
            "glm.gguf could not be fetched from example.org: no connection, 5 times in a row. What is here stays: start again to go on from there."),
        inJob(
                ConditionReason.MODEL_UNREADABLE,
                "The model /models/model/glm.gguf may not be read by this user: change its permissions.")
            .as("of-fetch"),
        ReasonCase.of(
            ConditionReason.IMAGE_VOLUMES_UNSUPPORTED,
            "Failed",
            cluster ->
                cluster.create(
                    SPEC.replaceFirst(
                        "http: \\{[^}]*}",
                        "image: { reference: \"registry.example/glm:1\", path: glm.gguf }")),
            "This Kubernetes has no volumes made of images: its feature gate ImageVolume is off, as it is by default before 1.35. Switch it on for API server and kubelets, or use the source claim, http or huggingFace."),
        ReasonCase.of(
            ConditionReason.CLAIM_PENDING,
            "Pending",
            cluster -> cluster.create(ON_CLAIM),
            "Pod FETCH waits for its volumes. There is no claim models in namespace NAMESPACE: create it, or correct the name in the spec."),
        ReasonCase.of(
                ConditionReason.CLAIM_PENDING,
                "Pending",
                cluster -> {
                  cluster.add(
                      PersistentVolumeClaim.class,
                      """
                      apiVersion: v1
                      kind: PersistentVolumeClaim
                      metadata: { name: models }
                      spec: { accessModes: [ ReadOnlyMany ], resources: { requests: { storage: 1Gi } } }
                      """);
                  cluster.create(ON_CLAIM);
                },
                "Pod FETCH waits for its volumes. Claim models is not bound (no persistent volumes available for this claim and no storage class is set): make a PersistentVolume of its size and access modes, or name a storage class.")
            .as("unbound"));
  }

  private static ReasonCase inHead(ConditionReason reason, String phase, String message) {
    return ReasonCase.of(
        reason,
        phase,
        cluster -> {
          cluster.create(SPEC);
          cluster.fetchEnded(Component.HEAD, reason.value(), message);
        },
        "The head in pod HEAD on node roomy: " + message);
  }

  private static ReasonCase inJob(ConditionReason reason, String message) {
    return ReasonCase.of(
        reason,
        "Failed",
        cluster -> {
          cluster.create(ON_NODE);
          cluster.fetchEnded(Component.MODEL, reason.value(), message);
        },
        "The fetch in pod FETCH on node roomy: " + message);
  }
}
