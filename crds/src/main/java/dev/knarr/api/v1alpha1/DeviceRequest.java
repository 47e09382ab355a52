// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** Devices by a resource that nodes advertise. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class DeviceRequest {
  /** The resource, such as nvidia.com/gpu. Required. */
  @Required
  @Size(max = 317)
  private @Nullable String resource;

  /** How many per pod, 1 to 14. Default 1. A change restarts the pods. */
  @Default("1")
  @ValidationRule(value = "self >= 1 && self <= 14", message = Sentences.DEVICE_COUNT)
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
