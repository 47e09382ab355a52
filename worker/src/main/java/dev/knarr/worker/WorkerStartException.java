// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

/** A worker cannot start; the message says why and what to do. */
public final class WorkerStartException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The kind of trouble: the last log line names it, and a cluster's status says the same word. */
  enum Reason {
    /** The tensor cache cannot be written. */
    CACHE_NOT_WRITABLE("CacheNotWritable"),
    /** A device that was asked for is not there. */
    UNKNOWN_DEVICE("UnknownDevice"),
    /** Options or files that do not go together or cannot be used. */
    CONFIG_INVALID("ConfigInvalid");

    private final String text;

    Reason(String text) {
      this.text = text;
    }
  }

  private final Reason reason;

  WorkerStartException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  WorkerStartException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /** {@code REASON: message}, for the log. */
  String sentence() {
    return reason.text + ": " + getMessage();
  }
}
