// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.kubernetes.api.model.Quantity;
import org.jspecify.annotations.Nullable;

/** A folder that ends with its pod. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class EmptyDirStorage {
  /** The pod is ended when the folder grows over this. Default: no limit. */
  private @Nullable Quantity sizeLimit;

  /** Memory keeps it in memory and counts it against the memory limit. Default: the node's disk. */
  private @Nullable String medium;

  public @Nullable Quantity getSizeLimit() {
    return sizeLimit;
  }

  public void setSizeLimit(@Nullable Quantity sizeLimit) {
    this.sizeLimit = sizeLimit;
  }

  public @Nullable String getMedium() {
    return medium;
  }

  public void setMedium(@Nullable String medium) {
    this.medium = medium;
  }
}
