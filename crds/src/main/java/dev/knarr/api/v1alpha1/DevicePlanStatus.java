// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/** The plan of one device. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class DevicePlanStatus {
  /** The device: a100-0/0. */
  private @Nullable String name;

  /** Its layers: 0-22. */
  private @Nullable String layers;

  /** Bytes of weights: 57.1Gi. */
  private @Nullable String weights;

  /** Bytes of the cache: 3.2Gi. */
  private @Nullable String kv;

  /** Bytes that stay free: 11Gi. */
  private @Nullable String free;

  public @Nullable String getName() {
    return name;
  }

  public void setName(@Nullable String name) {
    this.name = name;
  }

  public @Nullable String getLayers() {
    return layers;
  }

  public void setLayers(@Nullable String layers) {
    this.layers = layers;
  }

  public @Nullable String getWeights() {
    return weights;
  }

  public void setWeights(@Nullable String weights) {
    this.weights = weights;
  }

  public @Nullable String getKv() {
    return kv;
  }

  public void setKv(@Nullable String kv) {
    this.kv = kv;
  }

  public @Nullable String getFree() {
    return free;
  }

  public void setFree(@Nullable String free) {
    this.free = free;
  }
}
