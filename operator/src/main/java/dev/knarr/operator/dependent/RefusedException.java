// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ConditionReason;
import org.jspecify.annotations.Nullable;

/** What a cluster needs cannot be made until somebody changes something. */
public abstract class RefusedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ConditionReason reason;

  RefusedException(ConditionReason reason, String sentence, @Nullable Throwable cause) {
    super(sentence, cause);
    this.reason = reason;
  }

  /** For the status. */
  public final ConditionReason reason() {
    return reason;
  }

  /** What is wrong and what to do. */
  public final String sentence() {
    return String.valueOf(getMessage());
  }
}
