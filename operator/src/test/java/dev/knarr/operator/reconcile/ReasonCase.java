// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.ConditionType;
import java.util.Locale;

/**
 * What happens to a cluster, and what its user reads then. Immutable.
 *
 * @param name what happens, where a reason has several cases; it is part of a namespace's name
 * @param type the condition that has the reason
 * @param phase of the cluster then
 * @param world what happens
 * @param sentence the condition's message; in it {@code NAMESPACE}, {@code ADDRESS} and {@code
 *     SINCE} stand for the cluster's namespace, the address of its pods and when it began, {@code
 *     HEAD} and {@code FETCH} for the pods of the head and of the model's Job
 */
record ReasonCase(
    ConditionReason reason,
    String name,
    ConditionType type,
    String phase,
    World world,
    String sentence) {
  /** What users, Kubernetes, nodes and the programs in pods do. */
  interface World {
    /** Does it. */
    void happens(PlayedCluster cluster) throws Exception;
  }

  /** One that the user reads first. */
  static ReasonCase of(ConditionReason reason, String phase, World world, String sentence) {
    return new ReasonCase(reason, "", ConditionType.READY, phase, world, sentence);
  }

  /** The same reason in other circumstances. */
  ReasonCase as(String another) {
    return new ReasonCase(reason, another, type, phase, world, sentence);
  }

  /** The reason as another condition has it. */
  ReasonCase on(ConditionType another) {
    return new ReasonCase(reason, name, another, phase, world, sentence);
  }

  /** A name that fits for a namespace. */
  String title() {
    var words = reason.value().replaceAll("(?<!^)([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    return name.isEmpty() ? words : words + "-" + name;
  }
}
