// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Required;
import org.jspecify.annotations.Nullable;

/** A second file beside the model. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class AuxiliaryModelSpec {
  /**
   * Where its GGUF file is. Required, exactly one kind; the kinds are those of the model's source.
   */
  @Required private @Nullable ModelSource source;

  public @Nullable ModelSource getSource() {
    return source;
  }

  public void setSource(@Nullable ModelSource source) {
    this.source = source;
  }
}
