// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import io.fabric8.kubernetes.api.model.Quantity;
import org.jspecify.annotations.Nullable;

/**
 * Where a worker keeps tensors by their hash: at most one of emptyDir, claim and hostPath is set.
 * The kind cannot be changed later.
 */
public class TensorCacheSpec {
  /** The most it holds; the oldest go first. Default 20Gi. */
  private @Nullable Quantity size;

  /** Ends with the pod. The default kind. */
  private @Nullable EmptyDirStorage emptyDir;

  /** A claim per worker, kept when the cluster is deleted or scaled. */
  private @Nullable ClaimTemplate claim;

  /** A folder of the node, shared by all workers on it. */
  private @Nullable HostPathSource hostPath;

  public @Nullable Quantity getSize() {
    return size;
  }

  public void setSize(@Nullable Quantity size) {
    this.size = size;
  }

  public @Nullable EmptyDirStorage getEmptyDir() {
    return emptyDir;
  }

  public void setEmptyDir(@Nullable EmptyDirStorage emptyDir) {
    this.emptyDir = emptyDir;
  }

  public @Nullable ClaimTemplate getClaim() {
    return claim;
  }

  public void setClaim(@Nullable ClaimTemplate claim) {
    this.claim = claim;
  }

  public @Nullable HostPathSource getHostPath() {
    return hostPath;
  }

  public void setHostPath(@Nullable HostPathSource hostPath) {
    this.hostPath = hostPath;
  }
}
