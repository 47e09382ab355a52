// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

/** Data cannot be used; the message says what and where. */
final class CacheException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final CacheFault fault;

  CacheException(CacheFault fault, String message) {
    super(message);
    this.fault = fault;
  }

  CacheException(CacheFault fault, String message, Throwable cause) {
    super(message, cause);
    this.fault = fault;
  }

  CacheFault fault() {
    return fault;
  }
}
