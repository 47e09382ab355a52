// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import dev.knarr.rpc.RpcCommand;

/**
 * A frame that has passed through a {@link FrameScanner}.
 *
 * @param command of a response, that of its request
 * @param bytes all of the frame, framing included
 * @param device of a request that begins with a device number, otherwise -1
 * @param uid of {@code GRAPH_COMPUTE} and {@code GRAPH_RECOMPUTE}, otherwise 0
 */
public record ScannedFrame(
    RpcCommand command, Direction direction, long bytes, int device, long uid) {
  /** Whether a graph is computed by this request. */
  public boolean computesGraph() {
    return direction == Direction.REQUEST
        && (command == RpcCommand.GRAPH_COMPUTE || command == RpcCommand.GRAPH_RECOMPUTE);
  }
}
