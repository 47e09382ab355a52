// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** What to do when a part stays away. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class RecoverySpec {
  /**
   * How long a worker may be missing before the model is served without it, if it fits on the
   * others, 1 to 86400 seconds. When the worker is back it is taken in again as soon as no request
   * is running. Default: for ever, the head waits for all workers. A change restarts the head.
   */
  @ValidationRule(value = "self >= 1 && self <= 86400", message = Sentences.REPLAN_AFTER_SECONDS)
  private @Nullable Integer replanAfterSeconds;

  public @Nullable Integer getReplanAfterSeconds() {
    return replanAfterSeconds;
  }

  public void setReplanAfterSeconds(@Nullable Integer replanAfterSeconds) {
    this.replanAfterSeconds = replanAfterSeconds;
  }
}
