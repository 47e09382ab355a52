// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonProperty;

/** How a model is cut. */
public enum SplitMode {
  /** Each device has whole layers. */
  @JsonProperty("Layer")
  LAYER("Layer"),
  /** Every layer is cut over all devices. */
  @JsonProperty("Tensor")
  TENSOR("Tensor");

  private final String value;

  SplitMode(String value) {
    this.value = value;
  }

  /** The value as it is written in a document. */
  public String value() {
    return value;
  }
}
