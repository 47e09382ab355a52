// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import org.jspecify.annotations.Nullable;

/** One entry of a Secret of the same namespace. */
public class SecretKeyReference {
  /** The Secret. Required. */
  private @Nullable String name;

  /** The entry. Required. */
  private @Nullable String key;

  public @Nullable String getName() {
    return name;
  }

  public void setName(@Nullable String name) {
    this.name = name;
  }

  public @Nullable String getKey() {
    return key;
  }

  public void setKey(@Nullable String key) {
    this.key = key;
  }
}
