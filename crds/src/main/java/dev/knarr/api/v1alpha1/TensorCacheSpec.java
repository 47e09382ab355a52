// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.api.model.Quantity;
import org.jspecify.annotations.Nullable;

/**
 * Where a worker keeps tensors by their hash: at most one of emptyDir, claim and hostPath is set.
 * The kind cannot be changed later.
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value =
        "[has(self.emptyDir), has(self.claim), has(self.hostPath)].filter(set, set).size() <= 1",
    message = Sentences.ONE_CACHE)
@ValidationRule(
    value = "has(self.claim) == has(oldSelf.claim) && has(self.hostPath) == has(oldSelf.hostPath)",
    message = Sentences.CACHE_KIND_FIXED)
@ValidationRule(
    value = "!has(self.claim) || self.size == oldSelf.size",
    message = Sentences.CACHE_SIZE_FIXED,
    fieldPath = ".size")
public class TensorCacheSpec {
  /**
   * The most it holds; the oldest go first. Default 20Gi. With a claim also the size of each claim,
   * which cannot be changed later.
   */
  @Default("20Gi")
  @ValidationRule(value = Cel.POSITIVE_SIZE, message = Sentences.SIZE_POSITIVE)
  private @Nullable Quantity size;

  /** Ends with the pod. The default kind. */
  private @Nullable EmptyDirStorage emptyDir;

  /**
   * A claim per worker, kept when the cluster is deleted or stopped, and deleted when its group
   * gets fewer workers.
   */
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
