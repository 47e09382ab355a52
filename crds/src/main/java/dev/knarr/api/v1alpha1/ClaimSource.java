// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** A file on a PersistentVolumeClaim of the same namespace. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class ClaimSource {
  /** The claim. Required. */
  @Required
  @Size(max = 253)
  private @Nullable String claimName;

  /** The file, relative to the root of the volume. Required. */
  @Required
  @Size(max = 1024)
  @ValidationRule(value = Cel.RELATIVE_PATH, message = Sentences.RELATIVE_PATH)
  private @Nullable String path;

  public @Nullable String getClaimName() {
    return claimName;
  }

  public void setClaimName(@Nullable String claimName) {
    this.claimName = claimName;
  }

  public @Nullable String getPath() {
    return path;
  }

  public void setPath(@Nullable String path) {
    this.path = path;
  }
}
