// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import org.jspecify.annotations.Nullable;

/** A file on a PersistentVolumeClaim of the same namespace. */
public class ClaimSource {
  /** The claim. Required. */
  private @Nullable String claimName;

  /** The file, relative to the root of the volume. Required. */
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
