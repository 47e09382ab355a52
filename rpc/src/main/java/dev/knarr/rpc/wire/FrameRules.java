// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static dev.knarr.rpc.ProtocolFault.FRAME_SIZE;
import static dev.knarr.rpc.ProtocolFault.FRAME_TOO_LARGE;
import static dev.knarr.rpc.ProtocolFault.UNEXPECTED_RESPONSE;
import static dev.knarr.rpc.ProtocolFault.UNKNOWN_COMMAND;
import static dev.knarr.rpc.ProtocolFault.VERSION_MISMATCH;

import dev.knarr.rpc.ProtocolEdition;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcProtocolException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The checks of a frame's head, the same for those who read the frame and those who only follow it,
 * in the order that keeps a peer's number from being used before it is known to be sane.
 */
final class FrameRules {
  /** Steps of a delta may take more than what they make, but not much. */
  private static final long MOST_PACKED_BYTES = 2L * RouteRequest.MAX_PIECE_BYTES;

  private FrameRules() {}

  static RpcCommand command(int code, ProtocolEdition edition, boolean routed) {
    RpcCommand command = RpcCommand.ofCode(code).orElse(null);
    boolean known =
        command != null && (edition.commands().contains(command) || (routed && !command.notice()));
    if (!known) {
      throw new RpcProtocolException(
          UNKNOWN_COMMAND,
          "Command %d does not exist in protocol %s; the peer speaks another version, or it is no RPC client"
              .formatted(code, edition.version()));
    }
    return Objects.requireNonNull(command);
  }

  /** Checks the announced length of a request. */
  static void requestLength(RpcCommand command, long bytes, WireLimits limits) {
    long limit =
        switch (command) {
          case GRAPH_COMPUTE, ROUTE_GRAPH -> limits.maxGraphBytes();
          case ROUTE_PUT, ROUTE_SLOT, ROUTE_WRITE -> MOST_PACKED_BYTES;
          case ROUTE_TENSOR, ROUTE_WEIGHTS -> limits.maxFrameBytes();
          default -> command.routed() ? RouteRequest.MAX_HEAD_BYTES : limits.maxFrameBytes();
        };
    if (Long.compareUnsigned(bytes, limit) > 0) {
      throw new RpcProtocolException(
          FRAME_TOO_LARGE,
          "%s announces %s bytes, over the limit of %d. Raise the limit if the model needs it; otherwise the peer does not speak this protocol"
              .formatted(command, Long.toUnsignedString(bytes), limit));
    }
    if (command == RpcCommand.HELLO && bytes == 0) {
      throw new RpcProtocolException(
          VERSION_MISMATCH,
          "The client sent an empty HELLO, which means RPC protocol 3 or older (llama.cpp before April 2026); this side speaks %s. Update llama.cpp on the client's machine"
              .formatted(ProtocolEdition.CURRENT.version()));
    }
    boolean right =
        command.variable() ? bytes >= command.requestBytes() : bytes == command.requestBytes();
    if (!right) {
      throw new RpcProtocolException(
          FRAME_SIZE,
          "%s announces %d bytes but has %s%d"
              .formatted(
                  command, bytes, command.variable() ? "at least " : "", command.requestBytes()));
    }
  }

  /** Checks how much a request asks for; the answer's head has no other limit. */
  static void responseLimit(long bytes, WireLimits limits) {
    if (Long.compareUnsigned(bytes, limits.maxFrameBytes()) > 0) {
      throw new RpcProtocolException(
          FRAME_TOO_LARGE,
          "The request asks for %s bytes, over the limit of %d"
              .formatted(Long.toUnsignedString(bytes), limits.maxFrameBytes()));
    }
  }

  /** Checks an answer's announced length against what was asked. */
  static ResponseTracker.Expected response(
      ResponseTracker.@Nullable Expected expected, long bytes) {
    if (expected == null) {
      throw new RpcProtocolException(
          UNEXPECTED_RESPONSE,
          "An answer of %s bytes that no request asked for"
              .formatted(Long.toUnsignedString(bytes)));
    }
    if (expected.bytes() != bytes) {
      throw new RpcProtocolException(
          FRAME_SIZE,
          "The answer to %s announces %s bytes but must have %d"
              .formatted(expected.command(), Long.toUnsignedString(bytes), expected.bytes()));
    }
    return expected;
  }
}
