// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/** One device of a worker. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class WorkerDeviceStatus {
  /** The device: a100-0/0. */
  private @Nullable String name;

  /** What it is. */
  private @Nullable String description;

  /** Its memory: 80Gi. */
  private @Nullable String memory;

  public @Nullable String getName() {
    return name;
  }

  public void setName(@Nullable String name) {
    this.name = name;
  }

  public @Nullable String getDescription() {
    return description;
  }

  public void setDescription(@Nullable String description) {
    this.description = description;
  }

  public @Nullable String getMemory() {
    return memory;
  }

  public void setMemory(@Nullable String memory) {
    this.memory = memory;
  }
}
