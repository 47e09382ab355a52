// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

/**
 * Something that happened to a cluster and that a person may ask about. Immutable.
 *
 * @param warning whether a person may have to act
 * @param reason a word in CamelCase; occurrences of the same reason and subject are counted
 *     together
 * @param subject what it happened to: a worker, a node, a pod; empty for the cluster as a whole
 * @param message what happened and why
 */
public record Occurrence(boolean warning, String reason, String subject, String message) {
  /** Something the operator or the head decided. */
  public static Occurrence of(Decision decision, String subject, String message) {
    return new Occurrence(decision.warning(), decision.value(), subject, message);
  }

  static Occurrence trouble(String reason, String subject, String message) {
    return new Occurrence(true, reason, subject, message);
  }
}
