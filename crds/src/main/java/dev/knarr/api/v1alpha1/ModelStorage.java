// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** Where a fetched model is kept: at most one of the fields is set. */
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value =
        "[has(self.claim), has(self.claimName), has(self.hostPath), has(self.emptyDir)].filter(set, set).size() <= 1",
    message = Sentences.ONE_STORAGE)
@ValidationRule(
    value = "!has(self.claim) || has(self.claim.size)",
    message = Sentences.CLAIM_SIZE,
    fieldPath = ".claim.size")
public class ModelStorage {
  /** A claim made for this cluster and kept when it is deleted. */
  private @Nullable ClaimTemplate claim;

  /** A claim that is there already. */
  @Size(max = 253)
  @ValidationRule(value = Cel.NOT_BLANK, message = Sentences.EMPTY_TEXT)
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
