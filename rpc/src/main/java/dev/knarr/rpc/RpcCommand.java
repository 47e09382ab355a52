// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The commands of protocol 8.0 with their wire codes and the lengths a frame of each must have, and
 * those that a router and our own worker use between them once both have agreed to ({@code
 * docs/router-protocol.md}). Immutable; any thread.
 */
public enum RpcCommand {
  ALLOC_BUFFER(0, 12, 16),
  GET_ALIGNMENT(1, 4, 8),
  GET_MAX_SIZE(2, 4, 8),
  BUFFER_GET_BASE(3, 8, 8),
  FREE_BUFFER(4, 8, Lengths.NONE),
  BUFFER_CLEAR(5, 9, Lengths.NONE),
  SET_TENSOR(6, 305, Lengths.NONE),
  SET_TENSOR_HASH(7, 312, 1),
  GET_TENSOR(8, 312, Lengths.BY_REQUEST),
  COPY_TENSOR(9, 592, 1),
  GRAPH_COMPUTE(10, 20, Lengths.NONE),
  GET_DEVICE_MEMORY(11, 4, 16),
  INIT_TENSOR(12, 296, Lengths.NONE),
  GET_ALLOC_SIZE(13, 3260, 8),
  HELLO(14, 24, 28),
  DEVICE_COUNT(15, 0, 4),
  GRAPH_RECOMPUTE(16, 12, Lengths.NONE),
  MEMSET_TENSOR(17, 313, Lengths.NONE),
  SET_TENSOR_2D(18, 328, Lengths.NONE),
  GET_TENSOR_2D(19, 328, Lengths.BY_REQUEST),
  COMM_INIT(20, 80, 1),
  COMM_ALLREDUCE(21, 300, Lengths.NONE),
  COMM_FREE(22, 4, Lengths.NONE),

  /** Packed bytes for a range of a buffer. */
  ROUTE_PUT(64, Lengths.NONE),
  /** An input of graphs that the worker is to keep a shadow of. */
  ROUTE_SLOT(65, Lengths.NONE),
  /** What has changed of an input, and to write it where it belongs. */
  ROUTE_WRITE(66, Lengths.NONE),
  ROUTE_FORGET_SLOT(67, Lengths.NONE),
  /** A graph's content, under a name. */
  ROUTE_GRAPH(68, 1),
  /** Computes a named graph over certain buffers of a device, and names that. */
  ROUTE_BIND(69, Lengths.NONE),
  ROUTE_COMPUTE(70, Lengths.NONE),
  ROUTE_FORGET_GRAPH(71, Lengths.NONE),
  ROUTE_READ(72, Lengths.BY_REQUEST),
  /** A copy between two devices of the worker. */
  ROUTE_COPY(73, Lengths.NONE),
  /** To connect to another worker. */
  ROUTE_LINK(74, 1),
  /** Bytes of a buffer to another worker, once they are computed. */
  ROUTE_PUSH(75, Lengths.NONE),
  /** Bytes from another worker into a buffer; what follows waits for them. */
  ROUTE_PULL(76, Lengths.NONE),
  /** Between workers: the bytes of a push. */
  ROUTE_TENSOR(77, Lengths.NONE),
  /** Weights by their hash: whether the worker finds them. */
  ROUTE_OFFER(80, 1),
  /** Weights and their hash. */
  ROUTE_WEIGHTS(81, Lengths.NONE),
  /** Whether a buffer still holds what it was parked with. */
  ROUTE_ADOPTED(82, 1),

  /** Said by the worker once, at first: what it keeps for a router. */
  ROUTE_WELCOME(96, Lengths.NONE);

  /** Bytes of framing before a request's payload: command and length. */
  public static final int REQUEST_FRAMING_BYTES = 9;

  /** Bytes of framing before a response's payload: the length. */
  public static final int RESPONSE_FRAMING_BYTES = 8;

  /** All wire codes are below this. */
  public static final int CODES = 128;

  private static final int FIRST_OF_ROUTER = 64;

  private static final @Nullable RpcCommand[] BY_CODE = new RpcCommand[CODES];

  static {
    for (RpcCommand command : values()) {
      BY_CODE[command.code] = command;
    }
  }

  private final int code;
  private final int requestBytes;
  private final int responseBytes;
  private final String metricName;

  RpcCommand(int code, int responseBytes) {
    this(code, 0, responseBytes);
  }

  RpcCommand(int code, int requestBytes, int responseBytes) {
    this.code = code;
    this.requestBytes = requestBytes;
    this.responseBytes = responseBytes;
    this.metricName = name().toLowerCase(Locale.ROOT);
  }

  /** The command with this wire code (an unsigned byte), or empty when there is none. */
  public static Optional<RpcCommand> ofCode(int code) {
    return code >= 0 && code < BY_CODE.length
        ? Optional.ofNullable(BY_CODE[code])
        : Optional.empty();
  }

  /** The number on the wire. */
  public int code() {
    return code;
  }

  /** Whether it is no part of the public protocol, but of what router and worker agree on. */
  public boolean routed() {
    return code >= FIRST_OF_ROUTER;
  }

  /** Whether the worker says it, unasked. */
  public boolean notice() {
    return code >= ROUTE_WELCOME.code;
  }

  /** Whether the server answers; all other commands are one-way. */
  public boolean answered() {
    return responseBytes != Lengths.NONE;
  }

  /** Whether the request's length is taken from the frame; {@link #requestBytes} is its minimum. */
  public boolean variable() {
    return switch (this) {
      case SET_TENSOR, SET_TENSOR_2D, GRAPH_COMPUTE -> true;
      default -> routed();
    };
  }

  /** Payload bytes of the request: exact, or the minimum where {@link #variable}. */
  public long requestBytes() {
    return requestBytes;
  }

  /** Whether the length of the answer is the one that the request asked for. */
  public boolean variableResponse() {
    return responseBytes == Lengths.BY_REQUEST;
  }

  /**
   * Payload bytes of the answer.
   *
   * @throws IllegalStateException when there is no answer or its length depends on the request
   */
  public long responseBytes() {
    if (responseBytes < 0) {
      throw new IllegalStateException(this + " has no answer of fixed length");
    }
    return responseBytes;
  }

  /** The lower-case name used in metrics and logs, for instance {@code set_tensor}. */
  public String metricName() {
    return metricName;
  }

  private static final class Lengths {
    static final int NONE = -1;
    static final int BY_REQUEST = -2;
  }
}
