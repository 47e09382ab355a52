// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What a worker computes with. */
public enum Backend {
  /** NVIDIA GPUs. */
  @JsonProperty("cuda")
  CUDA("cuda"),
  /** AMD GPUs. */
  @JsonProperty("rocm")
  ROCM("rocm"),
  /** GPUs of every maker, through Vulkan. */
  @JsonProperty("vulkan")
  VULKAN("vulkan"),
  /** Processor cores. */
  @JsonProperty("cpu")
  CPU("cpu");

  private final String value;

  Backend(String value) {
    this.value = value;
  }

  /** The value as it is written in a document. */
  public String value() {
    return value;
  }
}
