// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.util.Locale;

/** Why a peer's message was refused; logs, metrics and conditions share this list. */
public enum ProtocolFault {
  /** A command code that the version does not have. */
  UNKNOWN_COMMAND,
  /** A frame whose announced length is over the limit. */
  FRAME_TOO_LARGE,
  /** A frame whose announced length is wrong for its command. */
  FRAME_SIZE,
  /** The connection ended inside a frame. */
  TRUNCATED,
  /** A tensor type that does not exist or was removed. */
  BAD_TENSOR_TYPE,
  /** Dimensions or strides that do not fit the operation or each other. */
  BAD_SHAPE,
  /** Sizes whose sum or product leaves 63 bits. */
  SIZE_OVERFLOW,
  /** A field that no valid message can have, for instance a text without an end. */
  BAD_FIELD,
  /** A buffer handle that is not alive on this connection. */
  UNKNOWN_BUFFER,
  /** A range outside its tensor or buffer. */
  OUT_OF_RANGE,
  /** A graph that is not well formed. */
  BAD_GRAPH,
  /** An operation that does not exist, is never valid on the wire, or that no device can run. */
  UNSUPPORTED_OP,
  /** A recompute of a graph that is not stored. */
  UNKNOWN_GRAPH,
  /** A device number that does not exist. */
  UNKNOWN_DEVICE,
  /** The peer speaks a protocol version that does not fit ours. */
  VERSION_MISMATCH,
  /** The first command was not HELLO, or HELLO came twice. */
  HELLO_EXPECTED,
  /** An answer that nobody asked for, or of another kind. */
  UNEXPECTED_RESPONSE,
  /** A reduction on a device that has joined no communicator. */
  NO_COMMUNICATOR,
  /** The link to the other worker of a tensor split broke, or was silent for too long. */
  LINK_LOST,
  /** The request would take more memory or more queue places than are allowed. */
  BUDGET_EXCEEDED,
  /** A wait came to its limit. */
  TIMEOUT;

  private final String metricName = name().toLowerCase(Locale.ROOT);

  /** The lower-case name used as a metric tag, for instance {@code frame_too_large}. */
  public String metricName() {
    return metricName;
  }
}
