// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.Violation;
import java.util.List;
import java.util.Optional;

/**
 * What one pass over a cluster came to. Immutable.
 *
 * @param violations broken rules; nothing was applied when there are any
 * @param refusal why something could not be applied: NameTaken, ApiRefused, ImageVolumesUnsupported
 *     or InternalError
 * @param rollout what is being changed now
 * @param headRevision the revision that a head must name to be the one the spec asks for; empty
 *     when no head is wanted yet
 */
public record Pass(
    List<Violation> violations,
    Optional<Notice> refusal,
    Optional<Notice> rollout,
    Optional<String> headRevision) {
  /** Copies the list. */
  public Pass {
    violations = List.copyOf(violations);
  }

  /** A pass that stopped at the spec. */
  public static Pass invalid(List<Violation> violations) {
    return new Pass(violations, Optional.empty(), Optional.empty(), Optional.empty());
  }

  /** A pass that was refused something. */
  public static Pass refused(Notice refusal) {
    return new Pass(List.of(), Optional.of(refusal), Optional.empty(), Optional.empty());
  }

  /** A pass that applied everything that may exist now. */
  public static Pass applied(Optional<String> headRevision, Optional<Notice> rollout) {
    return new Pass(List.of(), Optional.empty(), rollout, headRevision);
  }
}
