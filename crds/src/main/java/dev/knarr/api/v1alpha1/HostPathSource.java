// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** A file of the nodes. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class HostPathSource {
  /** The file or folder, absolute. Required. */
  @Required
  @Size(max = 1024)
  @ValidationRule(value = Cel.ABSOLUTE_PATH, message = Sentences.ABSOLUTE_PATH)
  private @Nullable String path;

  public @Nullable String getPath() {
    return path;
  }

  public void setPath(@Nullable String path) {
    this.path = path;
  }
}
