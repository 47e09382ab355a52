// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Where the output layer is, which makes logits of what the last layer has computed. */
public enum OutputPlacement {
  /** Where the plan finds it best. */
  @JsonProperty("Auto")
  AUTO("Auto"),
  /** With the last layers. */
  @JsonProperty("Layers")
  LAYERS("Layers"),
  /** On the head. */
  @JsonProperty("Head")
  HEAD("Head");

  private final String value;

  OutputPlacement(String value) {
    this.value = value;
  }

  /** The value as it is written in a document. */
  public String value() {
    return value;
  }
}
