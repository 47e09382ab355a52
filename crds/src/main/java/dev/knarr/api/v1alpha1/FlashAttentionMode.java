// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Whether attention uses the fused kernel. */
public enum FlashAttentionMode {
  /** On where the devices can. */
  @JsonProperty("Auto")
  AUTO("Auto"),
  /** On. */
  @JsonProperty("Enabled")
  ENABLED("Enabled"),
  /** Off. */
  @JsonProperty("Disabled")
  DISABLED("Disabled");

  private final String value;

  FlashAttentionMode(String value) {
    this.value = value;
  }

  /** The value as it is written in a document. */
  public String value() {
    return value;
  }
}
