// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.rollout;

import java.util.List;

/**
 * What runs, and what should. Immutable.
 *
 * @param headReplicas how many heads the spec asks for, 0 or 1
 * @param headPods pods of the head that have not ended
 * @param groups groups of the spec, and those that are no longer in it but still run
 */
public record RolloutState(int headReplicas, List<RunningPod> headPods, List<Group> groups) {
  /** Copies the lists. */
  public RolloutState {
    headPods = List.copyOf(headPods);
    groups = List.copyOf(groups);
  }

  /**
   * A pod that has not ended.
   *
   * @param name its name
   * @param revision the revision of the template it was made from
   * @param deleting whether it has been told to end
   */
  public record RunningPod(String name, String revision, boolean deleting) {}

  /**
   * A group of workers.
   *
   * @param name its name
   * @param wanted how many workers the spec asks for; 0 for a group that is no longer in it
   * @param running how many its StatefulSet is set to; 0 when there is none yet
   * @param revision the revision of the template that is wanted
   * @param settled whether the StatefulSet's controller has seen that template, so that a pod that
   *     is deleted comes back by it
   * @param pods its pods that have not ended
   */
  public record Group(
      String name,
      int wanted,
      int running,
      String revision,
      boolean settled,
      List<RunningPod> pods) {
    /** Copies the list. */
    public Group {
      pods = List.copyOf(pods);
    }

    List<RunningPod> outdated() {
      return pods.stream().filter(pod -> !pod.revision().equals(revision)).toList();
    }
  }
}
