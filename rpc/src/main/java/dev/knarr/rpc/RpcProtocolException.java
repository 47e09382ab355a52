// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A message that the protocol or a limit forbids. The connection it came from must be closed, since
 * the protocol has no error answer; nothing else is affected. The message says what was wrong and
 * what to do.
 */
public final class RpcProtocolException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ProtocolFault fault;
  private final @Nullable RpcCommand command;

  public RpcProtocolException(ProtocolFault fault, String message) {
    super(message);
    this.fault = Objects.requireNonNull(fault);
    this.command = null;
  }

  private RpcProtocolException(
      String message, @Nullable RpcCommand command, RpcProtocolException cause) {
    super(message, cause);
    this.fault = cause.fault;
    this.command = command;
  }

  /** The kind of fault, for metrics and decisions. */
  public ProtocolFault fault() {
    return fault;
  }

  /** The command that was being read, where it is known. */
  public Optional<RpcCommand> command() {
    return Optional.ofNullable(command);
  }

  /** The same fault, known to be of this command; this exception becomes the cause. */
  public RpcProtocolException during(RpcCommand known) {
    return new RpcProtocolException(String.valueOf(getMessage()), known, this);
  }

  /**
   * The same fault with the place in front of its message, for instance {@code "Answer to HELLO
   * from 10.0.3.7:51122"}; this exception becomes the cause.
   */
  public RpcProtocolException at(String place) {
    return new RpcProtocolException(place + ": " + getMessage(), command, this);
  }
}
