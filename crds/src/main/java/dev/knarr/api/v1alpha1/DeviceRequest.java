// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import org.jspecify.annotations.Nullable;

/** Devices by a resource that nodes advertise. */
public class DeviceRequest {
  /** The resource, such as nvidia.com/gpu. Required. */
  private @Nullable String resource;

  /** How many per pod, 1 to 14. Default 1. A change restarts the pods. */
  private @Nullable Integer count;

  public @Nullable String getResource() {
    return resource;
  }

  public void setResource(@Nullable String resource) {
    this.resource = resource;
  }

  public @Nullable Integer getCount() {
    return count;
  }

  public void setCount(@Nullable Integer count) {
    this.count = count;
  }
}
