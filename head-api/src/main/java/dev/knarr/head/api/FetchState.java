// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import com.fasterxml.jackson.annotation.JsonValue;

/** How far {@code knarr fetch} is. */
public enum FetchState {
  /** Files are on their way. */
  FETCHING("Fetching"),
  /** Files that are here are read and checked. */
  VERIFYING("Verifying"),
  /** Everything is here and right. */
  DONE("Done"),
  /** Given up: the reason says what someone has to do. */
  FAILED("Failed");

  private final String text;

  FetchState(String text) {
    this.text = text;
  }

  /** Returns the name used in JSON, such as {@code Fetching}. */
  @JsonValue
  public String text() {
    return text;
  }
}
