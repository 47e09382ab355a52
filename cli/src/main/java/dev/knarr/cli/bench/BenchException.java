// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

/** A comparison that cannot be made or cannot go on; the message says why and what to do. */
public final class BenchException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  BenchException(String message) {
    super(message);
  }

  BenchException(String message, Throwable cause) {
    super(message, cause);
  }
}
