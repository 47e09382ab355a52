// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import org.jspecify.annotations.Nullable;

/** A file of the nodes. */
public class HostPathSource {
  /** The file, absolute. Required. */
  private @Nullable String path;

  public @Nullable String getPath() {
    return path;
  }

  public void setPath(@Nullable String path) {
    this.path = path;
  }
}
