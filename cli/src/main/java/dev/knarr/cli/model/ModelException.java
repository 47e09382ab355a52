// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.head.api.FetchReason;

/** A model that cannot be had; the message says what, where and what to do. */
public final class ModelException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final FetchReason reason;

  public ModelException(FetchReason reason, String message) {
    super(message);
    this.reason = reason;
  }

  public ModelException(FetchReason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /** What kind of problem it is. */
  public FetchReason reason() {
    return reason;
  }
}
