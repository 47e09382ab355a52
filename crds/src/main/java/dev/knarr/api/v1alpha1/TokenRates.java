// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/** Tokens per second. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class TokenRates {
  /** Generated tokens. */
  private @Nullable String generation;

  /** Prompt tokens. */
  private @Nullable String prompt;

  public @Nullable String getGeneration() {
    return generation;
  }

  public void setGeneration(@Nullable String generation) {
    this.generation = generation;
  }

  public @Nullable String getPrompt() {
    return prompt;
  }

  public void setPrompt(@Nullable String prompt) {
    this.prompt = prompt;
  }
}
