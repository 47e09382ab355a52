// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import static dev.knarr.operator.observe.PodDiagnosis.sentence;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.Labels;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.DeploymentCondition;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Names what keeps pods from being made at all. Such a pod exists nowhere: only the controller that
 * tries to make it says so, in events, or in a condition of a Deployment.
 */
public final class RefusalDiagnosis {
  private RefusalDiagnosis() {}

  static List<Finding> diagnose(Observation seen, Part part) {
    return switch (part) {
      case MODEL ->
          seen.modelJob().filter(job -> lacksPods(job, seen)).stream()
              .flatMap(job -> said(job, seen).stream())
              .map(words -> refused(Part.MODEL, "model", "the pod that brings the model", words))
              .toList();
      case WORKER ->
          seen.statefulSets().stream()
              .filter(set -> lacksPods(set, seen))
              .flatMap(
                  set -> {
                    var group = PodView.label(set, Labels.GROUP);
                    return said(set, seen).stream()
                        .map(
                            words ->
                                refused(
                                    Part.WORKER,
                                    group,
                                    "pods of workers[%s]".formatted(group),
                                    words));
                  })
              .toList();
      case HEAD ->
          seen.deployment().filter(deployment -> lacksPods(deployment, seen)).stream()
              .flatMap(deployment -> replicaFailure(deployment).stream())
              .map(words -> refused(Part.HEAD, "head", "the pod of the head", words))
              .toList();
    };
  }

  static boolean lacksPods(StatefulSet set, Observation seen) {
    var group = PodView.label(set, Labels.GROUP);
    var there = seen.podsOf(Part.WORKER).stream().filter(pod -> pod.group().equals(group)).count();
    return there < Objects.requireNonNullElse(set.getSpec().getReplicas(), 1);
  }

  static boolean lacksPods(Deployment deployment, Observation seen) {
    return seen.podsOf(Part.HEAD).isEmpty()
        && Objects.requireNonNullElse(deployment.getSpec().getReplicas(), 1) > 0;
  }

  static boolean lacksPods(Job job, Observation seen) {
    return seen.podsOf(Part.MODEL).isEmpty()
        && (job.getStatus() == null || job.getStatus().getCompletionTime() == null);
  }

  private static Optional<String> said(HasMetadata object, Observation seen) {
    return seen.newestEvent(
            Objects.requireNonNullElse(object.getMetadata().getUid(), ""), "FailedCreate")
        .map(Event::getMessage);
  }

  private static Optional<String> replicaFailure(Deployment deployment) {
    return Optional.ofNullable(deployment.getStatus()).stream()
        .flatMap(status -> status.getConditions().stream())
        .filter(condition -> "ReplicaFailure".equals(condition.getType()))
        .filter(condition -> "True".equals(condition.getStatus()))
        .map(DeploymentCondition::getMessage)
        .findFirst();
  }

  private static Finding refused(Part part, String subject, String pods, String words) {
    return new Finding(
        ConditionReason.PODS_REFUSED,
        part,
        subject,
        "Kubernetes refuses %s: %s %s".formatted(pods, sentence(words), remedy(words)));
  }

  /** What to do where admission refuses something in these words. */
  public static String remedy(String words) {
    if (words.contains("exceeded quota") || words.contains("failed quota")) {
      return "Raise the quota of the namespace, or ask for less.";
    }
    if (words.contains("violates PodSecurity")) {
      return "Remove what the namespace's pod security level forbids, such as hostPath, or run the cluster in a namespace whose level allows it.";
    }
    return "Change what refuses it: a limit range, a policy or an admission webhook.";
  }
}
