// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import org.jspecify.annotations.Nullable;

/** A Secret of the same namespace. */
public class SecretReference {
  /** The Secret. Required. */
  private @Nullable String name;

  public @Nullable String getName() {
    return name;
  }

  public void setName(@Nullable String name) {
    this.name = name;
  }
}
