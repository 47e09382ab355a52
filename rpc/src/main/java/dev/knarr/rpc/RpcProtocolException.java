// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.util.Objects;

/**
 * A message that the protocol or a limit forbids. The connection it came from must be closed, since
 * the protocol has no error answer; nothing else is affected. The message says what was wrong and
 * what to do.
 */
public final class RpcProtocolException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ProtocolFault fault;

  public RpcProtocolException(ProtocolFault fault, String message) {
    super(message);
    this.fault = Objects.requireNonNull(fault);
  }

  private RpcProtocolException(ProtocolFault fault, String message, Throwable cause) {
    super(message, cause);
    this.fault = fault;
  }

  /** The kind of fault, for metrics and decisions. */
  public ProtocolFault fault() {
    return fault;
  }

  /**
   * The same fault with the place in front of its message, for instance {@code "SET_TENSOR from
   * 10.0.3.7:51122"}; this exception becomes the cause.
   */
  public RpcProtocolException at(String place) {
    return new RpcProtocolException(fault, place + ": " + getMessage(), this);
  }
}
