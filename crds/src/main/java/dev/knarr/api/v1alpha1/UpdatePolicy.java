// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonProperty;

/** When a running cluster takes the images of a new operator version. */
public enum UpdatePolicy {
  /** With the next change of the spec: a new operator restarts no running model. */
  @JsonProperty("OnSpecChange")
  ON_SPEC_CHANGE("OnSpecChange"),
  /** At once. */
  @JsonProperty("Automatic")
  AUTOMATIC("Automatic");

  private final String value;

  UpdatePolicy(String value) {
    this.value = value;
  }

  /** The value as it is written in a document. */
  public String value() {
    return value;
  }
}
