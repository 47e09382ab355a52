// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorShape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Reads an F32 tensor and refuses a NaN in it: ggml's CPU backend sorts rows with {@code std::sort}
 * (ggml 0.27, ARGSORT), which leaves the row and writes where it likes when the order has a hole.
 *
 * @param name of the tensor, for messages
 * @param shape of it, rows without gaps between elements
 * @param place where it lies
 */
record NumberCheck(String name, TensorShape shape, TensorPlace place) {
  private static final int CHUNK_BYTES = 1 << 20;

  static NumberCheck of(RpcTensor tensor, TensorPlace place) {
    return new NumberCheck(tensor.printableName(), tensor.shape(), place);
  }

  void run() {
    if (place.bytes() == 0) {
      return;
    }
    long rowBytes = shape.ne(0) * Float.BYTES;
    long rows = shape.ne(1) * shape.ne(2) * shape.ne(3);
    if (shape.nb(1) == rowBytes) {
      check(place.offset(), rows * rowBytes);
      return;
    }
    // As the kernel goes: from row to row by nb[1] alone.
    for (long row = 0; row < rows; row++) {
      check(place.offset() + row * shape.nb(1), rowBytes);
    }
  }

  private void check(long offset, long bytes) {
    for (long done = 0; done < bytes; done += CHUNK_BYTES) {
      int length = (int) Math.min(CHUNK_BYTES, bytes - done);
      var values = read(offset + done, length);
      for (int at = 0; at < length; at += Float.BYTES) {
        if (Float.isNaN(values.getFloat(at))) {
          throw new RpcProtocolException(
              ProtocolFault.OUT_OF_RANGE,
              "a NaN in %s, which is to be sorted: it has no place in any order".formatted(name));
        }
      }
    }
  }

  private ByteBuffer read(long offset, int length) {
    if (place.buffer().host()) {
      return place.buffer().view(offset, length);
    }
    var copy = ByteBuffer.allocateDirect(length).order(ByteOrder.LITTLE_ENDIAN);
    place.buffer().read(offset, copy.duplicate());
    return copy;
  }
}
