// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import dev.knarr.rpc.RpcCommand;

/**
 * Sees every frame once, on the thread that reads or writes it; so it must be fast, must not block
 * and must allow both directions at the same time.
 */
@FunctionalInterface
public interface FrameMeter {
  /** A meter that counts nothing. */
  FrameMeter NONE = (command, direction, bytes) -> {};

  /**
   * A frame whose head was found valid; its data may still be on the way.
   *
   * @param command of a response, that of its request
   * @param bytes all of the frame, framing included
   */
  void frame(RpcCommand command, Direction direction, long bytes);
}
