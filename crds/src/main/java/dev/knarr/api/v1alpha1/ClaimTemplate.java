// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import io.fabric8.kubernetes.api.model.Quantity;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A PersistentVolumeClaim to be made. */
public class ClaimTemplate {
  /**
   * How large, such as 400Gi. Required for a model; for a tensor cache the size of the cache is
   * used. A change is refused for a claim that exists.
   */
  private @Nullable Quantity size;

  /**
   * Access modes, such as ReadWriteOnce. Default ReadWriteOnce. With ReadOnlyMany or ReadWriteMany
   * workers read the model from the same volume.
   */
  private @Nullable List<String> accessModes;

  /** The storage class. Default: the cluster's own. Cannot be changed later. */
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
