// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** A file in an OCI image. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class ImageSource {
  /** The image: registry/name:tag or @digest. Required. */
  @Required
  @Size(max = 1024)
  private @Nullable String reference;

  /** The file, relative to the root of the image. Required. */
  @Required
  @Size(max = 1024)
  @ValidationRule(value = Cel.RELATIVE_PATH, message = Sentences.RELATIVE_PATH)
  private @Nullable String path;

  /** When to pull: Always, IfNotPresent or Never. Default IfNotPresent. */
  @Default("IfNotPresent")
  private @Nullable ImagePullPolicy pullPolicy;

  public @Nullable String getReference() {
    return reference;
  }

  public void setReference(@Nullable String reference) {
    this.reference = reference;
  }

  public @Nullable String getPath() {
    return path;
  }

  public void setPath(@Nullable String path) {
    this.path = path;
  }

  public @Nullable ImagePullPolicy getPullPolicy() {
    return pullPolicy;
  }

  public void setPullPolicy(@Nullable ImagePullPolicy pullPolicy) {
    this.pullPolicy = pullPolicy;
  }
}
