// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Who writes NetworkPolicies. */
public enum PolicyMode {
  /** The operator. */
  @JsonProperty("Managed")
  MANAGED("Managed"),
  /** Nobody. */
  @JsonProperty("Disabled")
  DISABLED("Disabled");

  private final String value;

  PolicyMode(String value) {
    this.value = value;
  }

  /** The value as it is written in a document. */
  public String value() {
    return value;
  }
}
