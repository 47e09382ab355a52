// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.InferenceClusterStatus;
import dev.knarr.operator.observe.Observation;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.api.reconciler.ResourceOperations;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The last step of a pass: tells users what came of it, if that is news. Any thread. */
public final class StatusReporter {
  private static final JsonMapper JSON = new JsonMapper();

  /** Events of Kubernetes and nodes are not watched, so a cluster in trouble is looked at again. */
  private static final Duration SOON = Duration.ofSeconds(5);

  private static final Duration LATER = Duration.ofSeconds(30);

  private final Events events;

  /** A reporter that tells of occurrences by these events. */
  public StatusReporter(Events events) {
    this.events = events;
  }

  /**
   * Writes the status where it has changed, tells of what has occurred, and returns when to look
   * again.
   *
   * @param cluster with its previous status, which stays as it is
   * @throws KubernetesClientException 409 when the cluster has changed meanwhile: nothing was
   *     written, and nothing told
   */
  public UpdateControl<InferenceCluster> report(
      InferenceCluster cluster,
      Pass pass,
      Observation seen,
      ResourceOperations<InferenceCluster> operations) {
    var previous = cluster.getStatus();
    var next = StatusBuilder.build(cluster, pass, seen);
    if (!same(previous, next)) {
      operations.serverSideApplyPrimaryStatus(only(cluster, next));
    }
    for (var occurrence : StatusEvents.between(previous, next, seen)) {
      events.publish(cluster, occurrence);
    }
    var control = UpdateControl.<InferenceCluster>noUpdate();
    lookAgain(next).ifPresent(control::rescheduleAfter);
    return control;
  }

  /** The cluster with nothing but the status that follows from a pass, as it is applied. */
  InferenceCluster status(InferenceCluster cluster, Pass pass, Observation seen) {
    return only(cluster, StatusBuilder.build(cluster, pass, seen));
  }

  /** Whether two statuses say the same. */
  static boolean same(@Nullable InferenceClusterStatus one, InferenceClusterStatus other) {
    return one != null && JSON.valueToTree(one).equals(JSON.valueToTree(other));
  }

  /**
   * What is applied holds the status and nothing else, so nothing else becomes the operator's. It
   * speaks of one version of the cluster and is refused for any other: the framework takes a change
   * that came just before such a write for a part of it, and would never tell of it.
   */
  private static InferenceCluster only(InferenceCluster cluster, InferenceClusterStatus status) {
    var applied = new InferenceCluster();
    applied.setMetadata(
        new ObjectMetaBuilder()
            .withName(cluster.getMetadata().getName())
            .withNamespace(cluster.getMetadata().getNamespace())
            .withResourceVersion(cluster.getMetadata().getResourceVersion())
            .build());
    applied.setStatus(status);
    return applied;
  }

  private static Optional<Duration> lookAgain(InferenceClusterStatus status) {
    if (Conditions.isTrue(status, ConditionType.READY)
        || ConditionReason.SPEC_INVALID.value().equals(status.getReason())) {
      return Optional.empty();
    }
    if (Conditions.isTrue(status, ConditionType.STALLED)) {
      return Optional.of(LATER);
    }
    return Objects.equals(status.getPhase(), "Stopped")
            && !Conditions.isTrue(status, ConditionType.RECONCILING)
        ? Optional.empty()
        : Optional.of(SOON);
  }
}
