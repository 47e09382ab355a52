// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The plan that is in force. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class PlanStatus {
  /** What crosses the network for one generated token, by estimate. */
  private @Nullable String bytesPerToken;

  /** The devices in order. */
  private @Nullable List<DevicePlanStatus> devices;

  public @Nullable String getBytesPerToken() {
    return bytesPerToken;
  }

  public void setBytesPerToken(@Nullable String bytesPerToken) {
    this.bytesPerToken = bytesPerToken;
  }

  public @Nullable List<DevicePlanStatus> getDevices() {
    return devices;
  }

  public void setDevices(@Nullable List<DevicePlanStatus> devices) {
    this.devices = devices;
  }
}
