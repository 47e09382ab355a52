// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import org.jspecify.annotations.Nullable;

/** ggml could not do what was asked; the message says what, where and what to do. */
public final class GgmlException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final GgmlFault fault;

  GgmlException(GgmlFault fault, String message) {
    this(fault, message, null);
  }

  GgmlException(GgmlFault fault, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.fault = fault;
  }

  /** The kind of failure. */
  public GgmlFault fault() {
    return fault;
  }
}
