// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Where certificates come from. */
public enum TlsMode {
  /** The operator makes and renews them. */
  @JsonProperty("Managed")
  MANAGED("Managed"),
  /** Secrets that are named. */
  @JsonProperty("Secret")
  SECRET("Secret"),
  /** There are none; connections are plain. */
  @JsonProperty("Disabled")
  DISABLED("Disabled");

  private final String value;

  TlsMode(String value) {
    this.value = value;
  }

  /** The value as it is written in a document. */
  public String value() {
    return value;
  }
}
