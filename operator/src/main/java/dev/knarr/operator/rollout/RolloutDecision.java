// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.rollout;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.rollout.RolloutState.RunningPod;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What may run at this moment. Workers change only when no head uses them: the head is told to end
 * first, which lets it finish its answers, then all pods of an older revision go together, and the
 * head comes back. A rolling update would be one outage per pod instead, and would wait for ever
 * behind a revision that never becomes ready. Immutable.
 *
 * @param headReplicas how many heads may run now
 * @param workerReplicas how many workers each group may have now
 * @param deletePods pods to delete now
 * @param step what is going on, when something is
 */
public record RolloutDecision(
    int headReplicas,
    Map<String, Integer> workerReplicas,
    List<String> deletePods,
    Optional<Step> step) {
  /** Copies the collections. */
  public RolloutDecision {
    workerReplicas = Map.copyOf(workerReplicas);
    deletePods = List.copyOf(deletePods);
  }

  /**
   * A step of a rollout.
   *
   * @param reason {@link ConditionReason#DRAINING} or {@link ConditionReason#ROLLING_OUT}
   * @param sentence what happens and why
   */
  public record Step(ConditionReason reason, String sentence) {}

  /** Decides from what runs. */
  public static RolloutDecision of(RolloutState state) {
    var cause = RolloutCheck.first(state);
    if (cause.isEmpty()) {
      return new RolloutDecision(state.headReplicas(), wanted(state), List.of(), Optional.empty());
    }
    if (!state.headPods().isEmpty()) {
      return new RolloutDecision(
          0,
          kept(state),
          List.of(),
          Optional.of(
              new Step(
                  ConditionReason.DRAINING,
                  "The head finishes its answers and ends, because %s.".formatted(cause.get()))));
    }
    return new RolloutDecision(
        0,
        wanted(state),
        outdatedPods(state),
        Optional.of(
            new Step(
                ConditionReason.ROLLING_OUT,
                "Pods are replaced, because %s.".formatted(cause.get()))));
  }

  private static Map<String, Integer> wanted(RolloutState state) {
    var replicas = new TreeMap<String, Integer>();
    for (var group : state.groups()) {
      replicas.put(group.name(), state.headReplicas() == 0 ? 0 : group.wanted());
    }
    return replicas;
  }

  /** More workers may start beside a head that drains, none may end. */
  private static Map<String, Integer> kept(RolloutState state) {
    var replicas = new TreeMap<String, Integer>();
    for (var group : state.groups()) {
      int wanted = state.headReplicas() == 0 ? 0 : group.wanted();
      replicas.put(group.name(), Math.max(group.running(), wanted));
    }
    return replicas;
  }

  private static List<String> outdatedPods(RolloutState state) {
    return state.groups().stream()
        .flatMap(group -> group.outdated().stream())
        .filter(pod -> !pod.deleting())
        .map(RunningPod::name)
        .toList();
  }
}
