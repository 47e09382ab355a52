// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

/** A cluster that cannot run on this machine; the message says what, where and what to do. */
public final class LocalException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public LocalException(String message) {
    super(message);
  }

  public LocalException(String message, Throwable cause) {
    super(message, cause);
  }
}
