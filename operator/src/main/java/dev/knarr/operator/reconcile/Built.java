// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.api.v1alpha1.UpdatePolicy;
import dev.knarr.operator.Labels;
import dev.knarr.operator.dependent.Blueprint;
import dev.knarr.operator.observe.Observation;
import dev.knarr.operator.rollout.RolloutDecision;
import dev.knarr.operator.rollout.RolloutView;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What a cluster's pods are to be built from: what this operator would build, or what another
 * release has built, which stays until the spec changes, so that a new operator restarts no running
 * model. Immutable.
 *
 * @param pinned whether it is another release's
 * @param headRevision the revision of the head
 * @param workerRevisions the revision of each group
 */
record Built(boolean pinned, String headRevision, Map<String, String> workerRevisions) {
  /** What another release has built, where that is to stay. */
  static Optional<Built> byAnother(Blueprint blueprint, Observation seen) {
    return seen.deployment()
        .filter(deployment -> isAnotherRelease(deployment, blueprint))
        .map(deployment -> built(deployment, seen))
        .filter(built -> built.isWhole(blueprint.spec(), seen));
  }

  /** What this operator would build. */
  static Built of(Blueprint blueprint) {
    return new Built(false, blueprint.headRevision(), blueprint.workerRevisions());
  }

  private static boolean isAnotherRelease(Deployment deployment, Blueprint blueprint) {
    var annotations =
        Objects.requireNonNullElse(
            deployment.getMetadata().getAnnotations(), Map.<String, String>of());
    var generation = String.valueOf(blueprint.cluster().getMetadata().getGeneration());
    return blueprint.spec().updates() == UpdatePolicy.ON_SPEC_CHANGE
        && generation.equals(annotations.get(Labels.GENERATION))
        && !blueprint.releaseId().equals(annotations.get(Labels.RELEASE));
  }

  private static Built built(Deployment deployment, Observation seen) {
    var workers = new TreeMap<String, String>();
    for (var set : seen.statefulSets()) {
      workers.put(
          set.getMetadata().getLabels().getOrDefault(Labels.GROUP, ""),
          RolloutView.revision(set.getSpec().getTemplate().getMetadata()));
    }
    return new Built(
        true, RolloutView.revision(deployment.getSpec().getTemplate().getMetadata()), workers);
  }

  /** What is incomplete or about to change anyway may as well be built by this release. */
  private boolean isWhole(ResolvedSpec spec, Observation seen) {
    boolean hasReplicas =
        seen.deployment()
            .filter(head -> Objects.equals(head.getSpec().getReplicas(), spec.replicas()))
            .isPresent();
    boolean hasGroups =
        spec.workers().stream()
            .allMatch(
                group ->
                    RolloutView.running(seen, group.name())
                        == (spec.replicas() == 0 ? 0 : group.replicas()));
    return hasReplicas
        && hasGroups
        && spec.workers().stream().allMatch(group -> workerRevisions.containsKey(group.name()))
        && RolloutDecision.of(RolloutView.of(spec, workerRevisions, seen)).step().isEmpty();
  }
}
