// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

/** A worker cannot start; the message says why and what to do. */
public final class WorkerStartException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  WorkerStartException(String message) {
    super(message);
  }

  WorkerStartException(String message, Throwable cause) {
    super(message, cause);
  }
}
