// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import static java.util.stream.Collectors.joining;

import dev.knarr.api.v1alpha1.ConditionReason;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.PodSchedulingGate;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceRequirements;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Names what keeps pods from running; pure functions of what was observed. */
public final class PodDiagnosis {
  /** The scheduler's words for a claim that is not there, not bound, or bound out of reach. */
  private static final Pattern VOLUME_TROUBLE =
      Pattern.compile("persistent ?volume", Pattern.CASE_INSENSITIVE);

  private PodDiagnosis() {}

  /** What is wrong, in the order of the parts: model, workers, head; at most one for each pod. */
  public static List<Finding> diagnose(Observation seen) {
    var findings = new ArrayList<Finding>();
    for (var part : Part.values()) {
      findings.addAll(RefusalDiagnosis.diagnose(seen, part));
      var pods = seen.podsOf(part);
      for (var pod : part == Part.MODEL ? latest(pods) : pods) {
        diagnose(pod, seen).ifPresent(findings::add);
      }
    }
    return List.copyOf(findings);
  }

  /** Of the pods of a Job only the last one matters: the others are what was tried before. */
  private static List<PodView> latest(List<PodView> pods) {
    return pods.isEmpty() ? pods : List.of(pods.getLast());
  }

  private static Optional<Finding> diagnose(PodView pod, Observation seen) {
    return nodeLost(pod, seen)
        .or(() -> pod.deleting() ? Optional.empty() : notScheduled(pod, seen))
        .or(() -> pod.deleting() ? Optional.empty() : ContainerDiagnosis.diagnose(pod, seen));
  }

  private static Optional<Finding> nodeLost(PodView pod, Observation seen) {
    return pod.node()
        .flatMap(name -> Optional.ofNullable(seen.nodes().get(name)))
        .flatMap(
            node ->
                node.trouble()
                    .map(
                        trouble ->
                            finding(
                                ConditionReason.NODE_LOST,
                                pod,
                                "Node %s of pod %s %s. Bring the node back, or remove it with kubectl delete node %s: then the pod starts on another one."
                                    .formatted(node.name(), pod.name(), trouble, node.name()))));
  }

  private static Optional<Finding> notScheduled(PodView pod, Observation seen) {
    return pod.condition("PodScheduled")
        .filter(condition -> "False".equals(condition.getStatus()))
        .map(
            condition -> {
              var words = Objects.requireNonNullElse(condition.getMessage(), "");
              if ("SchedulingGated".equals(condition.getReason())) {
                return gated(pod);
              }
              return VOLUME_TROUBLE.matcher(words).find()
                  ? claimPending(pod, words, seen)
                  : unschedulable(pod, words);
            });
  }

  private static Finding gated(PodView pod) {
    var gates =
        pod.pod().getSpec().getSchedulingGates().stream()
            .map(PodSchedulingGate::getName)
            .collect(joining(", "));
    return finding(
        ConditionReason.QUEUED,
        pod,
        "Pod %s is held back by scheduling gate %s. It starts when what set the gate, such as a queue, takes it away."
            .formatted(pod.name(), gates));
  }

  private static Finding unschedulable(PodView pod, String words) {
    // What comes after the reasons is about evicting others, node by node again.
    var reasons = words.replaceFirst("\\s*(no new claims to deallocate, )?preemption: .*", "");
    var group = pod.part() == Part.WORKER ? "workers[%s]".formatted(pod.group()) : "head";
    return finding(
        ConditionReason.UNSCHEDULABLE,
        pod,
        "No node takes pod %s%s. The scheduler says: %s Add or free such a node, or change devices, resources, nodeSelector or tolerations of %s."
            .formatted(pod.name(), requests(pod), sentence(reasons), group));
  }

  /** {@code , which asks for memory: 16Gi and nvidia.com/gpu: 2}. */
  private static String requests(PodView pod) {
    var asked = new TreeMap<String, Quantity>();
    for (var container : pod.pod().getSpec().getContainers()) {
      Optional.ofNullable(container.getResources())
          .map(ResourceRequirements::getRequests)
          .ifPresent(asked::putAll);
    }
    return asked.isEmpty()
        ? ""
        : asked.entrySet().stream()
            .map(each -> each.getKey() + ": " + each.getValue())
            .collect(joining(" and ", ", which asks for ", ""));
  }

  private static Finding claimPending(PodView pod, String words, Observation seen) {
    var trouble =
        claimsOf(pod)
            .flatMap(
                name ->
                    Optional.ofNullable(seen.claims().get(name))
                        .flatMap(claim -> claimTrouble(name, claim, pod, seen))
                        .stream())
            .collect(joining(" "));
    return finding(
        ConditionReason.CLAIM_PENDING,
        pod,
        trouble.isEmpty()
            ? "Pod %s waits for its volumes. The scheduler says: %s Look at its claims with kubectl get pvc -n %s."
                .formatted(pod.name(), sentence(words), pod.namespace())
            : "Pod %s waits for its volumes. %s".formatted(pod.name(), trouble));
  }

  /** The names of the claims that a pod mounts. */
  static Stream<String> claimsOf(PodView pod) {
    return pod.pod().getSpec().getVolumes().stream()
        .filter(volume -> volume.getPersistentVolumeClaim() != null)
        .map(volume -> volume.getPersistentVolumeClaim().getClaimName())
        .distinct();
  }

  private static Optional<String> claimTrouble(
      String name, Optional<PersistentVolumeClaim> claim, PodView pod, Observation seen) {
    if (claim.isEmpty()) {
      return Optional.of(
          "There is no claim %s in namespace %s: create it, or correct the name in the spec."
              .formatted(name, pod.namespace()));
    }
    var status = claim.get().getStatus();
    var phase = status == null ? "Pending" : status.getPhase();
    if ("Bound".equals(phase)) {
      return Optional.empty();
    }
    if ("Lost".equals(phase)) {
      return Optional.of(
          "The volume of claim %s is gone: delete the claim and make it anew.".formatted(name));
    }
    var words =
        seen.newestEvent(claim.get().getMetadata().getUid())
            .map(Event::getMessage)
            .map(PodDiagnosis::sentence)
            .orElse("");
    var storageClass = claim.get().getSpec().getStorageClassName();
    var remedy =
        storageClass == null || storageClass.isEmpty()
            ? "make a PersistentVolume of its size and access modes, or name a storage class"
            : "look whether storage class %s exists and its provisioner works"
                .formatted(storageClass);
    return Optional.of(
        "Claim %s is not bound%s: %s."
            .formatted(
                name, words.isEmpty() ? "" : " (" + words.replaceAll("\\.$", "") + ")", remedy));
  }

  static Finding finding(ConditionReason reason, PodView pod, String message) {
    return new Finding(reason, pod.part(), pod.subject(), message);
  }

  /** Words of others, cut to a bearable length, with a full stop. */
  static String sentence(String words) {
    var line = words.strip().replaceAll("\\s+", " ");
    var cut = line.length() > LONGEST ? line.substring(0, LONGEST) + "…" : line;
    return cut.isEmpty() || cut.endsWith(".") || cut.endsWith("…") ? cut : cut + ".";
  }

  private static final int LONGEST = 700;

  static String limit(PodView pod, String container, String resource) {
    return pod.pod().getSpec().getContainers().stream()
        .filter(each -> each.getName().equals(container))
        .map(each -> Optional.ofNullable(each.getResources()).map(ResourceRequirements::getLimits))
        .flatMap(Optional::stream)
        .map((Map<String, Quantity> limits) -> limits.get(resource))
        .filter(Objects::nonNull)
        .map(limit -> " of " + limit)
        .findFirst()
        .orElse("");
  }
}
