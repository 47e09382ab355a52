// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import org.jspecify.annotations.Nullable;

/** Where a fetched model is kept: at most one of the fields is set. */
public class ModelStorage {
  /** A claim made for this cluster and kept when it is deleted. */
  private @Nullable ClaimTemplate claim;

  /** A claim that is there already. */
  private @Nullable String claimName;

  /** A folder of the node the head runs on. */
  private @Nullable HostPathSource hostPath;

  /** A folder that lives as long as the head's pod. */
  private @Nullable EmptyDirStorage emptyDir;

  public @Nullable ClaimTemplate getClaim() {
    return claim;
  }

  public void setClaim(@Nullable ClaimTemplate claim) {
    this.claim = claim;
  }

  public @Nullable String getClaimName() {
    return claimName;
  }

  public void setClaimName(@Nullable String claimName) {
    this.claimName = claimName;
  }

  public @Nullable HostPathSource getHostPath() {
    return hostPath;
  }

  public void setHostPath(@Nullable HostPathSource hostPath) {
    this.hostPath = hostPath;
  }

  public @Nullable EmptyDirStorage getEmptyDir() {
    return emptyDir;
  }

  public void setEmptyDir(@Nullable EmptyDirStorage emptyDir) {
    this.emptyDir = emptyDir;
  }
}
