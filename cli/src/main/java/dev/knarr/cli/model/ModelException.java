// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

/** A model that cannot be had; the message says what, where and what to do. */
public final class ModelException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ModelException(String message) {
    super(message);
  }

  public ModelException(String message, Throwable cause) {
    super(message, cause);
  }
}
