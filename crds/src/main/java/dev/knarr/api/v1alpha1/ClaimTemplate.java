// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.api.model.Quantity;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A PersistentVolumeClaim to be made. */
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value =
        "self.accessModes == oldSelf.accessModes"
            + " && has(self.storageClassName) == has(oldSelf.storageClassName)"
            + " && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
    message = Sentences.CLAIM_FIXED)
public class ClaimTemplate {
  /**
   * How large, such as 400Gi. Required for a model, whose claim grows with it where the storage
   * class allows that, and never shrinks. For a tensor cache the size of the cache is the default,
   * and it cannot be changed later.
   */
  @ValidationRule(value = Cel.POSITIVE_SIZE, message = Sentences.SIZE_POSITIVE)
  private @Nullable Quantity size;

  /**
   * Access modes, such as ReadWriteOnce. Default ReadWriteOnce. With ReadOnlyMany or ReadWriteMany
   * workers read the model from the same volume. Cannot be changed later.
   */
  @Default("[\"ReadWriteOnce\"]")
  @Size(max = 8)
  private @Nullable List<@Size(max = 32) String> accessModes;

  /** The storage class. Default: the cluster's own. Cannot be changed later. */
  @Size(max = 253)
  private @Nullable String storageClassName;

  public @Nullable Quantity getSize() {
    return size;
  }

  public void setSize(@Nullable Quantity size) {
    this.size = size;
  }

  public @Nullable List<String> getAccessModes() {
    return accessModes;
  }

  public void setAccessModes(@Nullable List<String> accessModes) {
    this.accessModes = accessModes;
  }

  public @Nullable String getStorageClassName() {
    return storageClassName;
  }

  public void setStorageClassName(@Nullable String storageClassName) {
    this.storageClassName = storageClassName;
  }
}
