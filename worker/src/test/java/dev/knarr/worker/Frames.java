// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.tensor.RpcTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Frames written by hand, which nobody checks before they are sent. */
final class Frames {
  private static final int HEAD_BYTES = 9;

  private Frames() {}

  /** A frame whose announced length is that of its payload. */
  static byte[] of(RpcCommand command, byte[] payload) {
    return announcing(command.code(), payload.length, payload);
  }

  static byte[] of(RpcCommand command, ByteBuffer payload) {
    return of(command, bytes(payload));
  }

  /** All bytes of a buffer. */
  static byte[] bytes(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.capacity()];
    buffer.get(0, bytes);
    return bytes;
  }

  /** A frame that says it has {@code bytes} bytes, whatever follows. */
  static byte[] announcing(int code, long bytes, byte... payload) {
    return buffer(HEAD_BYTES + payload.length).put((byte) code).putLong(bytes).put(payload).array();
  }

  static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** A graph with any nodes and any descriptors. */
  static byte[] graph(int device, long uid, List<Long> nodes, List<RpcTensor> tensors) {
    var payload = buffer(20 + 8 * nodes.size() + RpcTensor.BYTES * tensors.size());
    payload.putInt(device).putLong(uid).putInt(nodes.size());
    nodes.forEach(payload::putLong);
    payload.putInt(tensors.size());
    tensors.forEach(tensor -> tensor.encode(payload));
    return of(RpcCommand.GRAPH_COMPUTE, payload);
  }
}
