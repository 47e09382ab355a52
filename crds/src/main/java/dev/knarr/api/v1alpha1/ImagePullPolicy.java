// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonProperty;

/** When an image is pulled. */
public enum ImagePullPolicy {
  /** At every start. */
  @JsonProperty("Always")
  ALWAYS("Always"),
  /** When the node lacks it. */
  @JsonProperty("IfNotPresent")
  IF_NOT_PRESENT("IfNotPresent"),
  /** Never. */
  @JsonProperty("Never")
  NEVER("Never");

  private final String value;

  ImagePullPolicy(String value) {
    this.value = value;
  }

  /** The value as it is written in a document. */
  public String value() {
    return value;
  }
}
