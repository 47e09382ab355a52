// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import dev.knarr.operator.Labels.Component;

/** What a pod does for its cluster. */
public enum Part {
  /** Brings the model. */
  MODEL("model"),
  /** Computes. */
  WORKER("worker"),
  /** Serves. */
  HEAD("head");

  private final String text;

  Part(String text) {
    this.text = text;
  }

  /** The word for people. */
  public String text() {
    return text;
  }

  /** The part of an object with this component label; the head when there is none. */
  static Part of(String component) {
    if (component.equals(Component.WORKER.value())) {
      return WORKER;
    }
    return component.equals(Component.MODEL.value()) ? MODEL : HEAD;
  }
}
