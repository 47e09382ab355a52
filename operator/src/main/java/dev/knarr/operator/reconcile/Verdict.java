// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.observe.Finding;
import java.util.regex.Pattern;

/**
 * What is thought of one part of a cluster. Immutable.
 *
 * @param weight how much it stands in the way; the heaviest is what a user is told first
 * @param status True, False or Unknown, as conditions have it
 * @param reason the reason as it stands in the status; a newer head may have some that are unknown
 *     here
 * @param message a sentence or two
 */
record Verdict(Weight weight, String status, String reason, String message) {
  private static final Pattern REASON = Pattern.compile("[A-Z][A-Za-z0-9]{0,62}");

  /** How much a verdict stands in the way of Ready. */
  enum Weight {
    /** Not at all. */
    FINE,
    /** It comes after others. */
    WAITING,
    /** It goes on. */
    PROGRESS,
    /** Something is wrong that may pass. */
    PROBLEM,
    /** Nothing will change until a person acts. */
    STALLED
  }

  static Verdict yes(String message) {
    return new Verdict(Weight.FINE, "True", ConditionReason.AS_PLANNED.value(), message);
  }

  static Verdict waiting(ConditionReason reason, String message) {
    return new Verdict(Weight.WAITING, "Unknown", reason.value(), message);
  }

  static Verdict progress(ConditionReason reason, String message) {
    return no(Weight.PROGRESS, reason.value(), message);
  }

  static Verdict problem(ConditionReason reason, String message) {
    return no(Weight.PROBLEM, reason.value(), message);
  }

  static Verdict stalled(ConditionReason reason, String message) {
    return no(Weight.STALLED, reason.value(), message);
  }

  /** Trouble of a pod: some of it stays until a person acts, whatever Kubernetes tries. */
  static Verdict of(Finding finding, String message) {
    return no(
        Reasons.permanent(finding.reason()) ? Weight.STALLED : Weight.PROBLEM,
        finding.reason().value(),
        message);
  }

  static Verdict no(Weight weight, String reason, String message) {
    var known = REASON.matcher(reason).matches() ? reason : ConditionReason.INTERNAL_ERROR.value();
    return new Verdict(weight, "False", known, message);
  }

  boolean fine() {
    return weight == Weight.FINE;
  }
}
