// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How far the fetch of a model says it is; tolerant as {@link HeadAnswer} is. Immutable.
 *
 * @param identity who answers
 * @param state Fetching, Verifying, Done or Failed
 * @param percent how much is here, 0 to 100
 * @param totalBytes the size of all files that are known
 * @param reason why, such as {@code ModelFetching}
 * @param message one sentence for people
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record FetchAnswer(
    @Nullable AnswerIdentity identity,
    String state,
    int percent,
    long totalBytes,
    String reason,
    String message) {
  /** What is absent is empty. */
  public FetchAnswer {
    state = Objects.requireNonNullElse(state, "");
    reason = Objects.requireNonNullElse(reason, "");
    message = Objects.requireNonNullElse(message, "");
  }

  /** Whether it has given up. */
  public boolean failed() {
    return state.equals("Failed");
  }
}
