// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Reads a tensor of indices and refuses those outside their bounds: ggml's kernels assert on them
 * (and end the process) or trust them (and read foreign memory).
 *
 * <p>It holds no descriptor: one would keep the whole message of its graph alive, for as long as
 * the graph is stored.
 *
 * @param name of the index tensor, for messages
 * @param shape of it
 * @param wide whether it is I64, not I32
 * @param place where it lies
 * @param bound the first index too large
 */
record IndexCheck(String name, TensorShape shape, boolean wide, TensorPlace place, long bound) {
  private static final int CHUNK_BYTES = 1 << 20;

  static IndexCheck of(RpcTensor tensor, TensorPlace place, long bound) {
    boolean wide = tensor.type() == TensorType.I64.code();
    return new IndexCheck(tensor.printableName(), tensor.shape(), wide, place, bound);
  }

  void run() {
    if (place.bytes() == 0) {
      return;
    }
    int elementBytes = wide ? Long.BYTES : Integer.BYTES;
    long rowBytes = shape.ne(0) * elementBytes;
    if (shape.ne(0) > 1 && shape.nb(0) != elementBytes) {
      throw refuse("strides of " + shape.nb(0) + " bytes between indices");
    }
    // Rows that follow each other are one row: the usual case is read at once.
    boolean contiguous =
        shape.nb(1) == rowBytes
            && shape.nb(2) == shape.nb(1) * shape.ne(1)
            && shape.nb(3) == shape.nb(2) * shape.ne(2);
    if (contiguous || place.bytes() == rowBytes) {
      checkRange(place.offset(), place.bytes());
      return;
    }
    for (long k = 0; k < shape.ne(3); k++) {
      for (long j = 0; j < shape.ne(2); j++) {
        for (long i = 0; i < shape.ne(1); i++) {
          long offset = place.offset() + i * shape.nb(1) + j * shape.nb(2) + k * shape.nb(3);
          checkRange(offset, rowBytes);
        }
      }
    }
  }

  private void checkRange(long offset, long bytes) {
    for (long done = 0; done < bytes; done += CHUNK_BYTES) {
      int length = (int) Math.min(CHUNK_BYTES, bytes - done);
      checkValues(read(offset + done, length));
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

  private void checkValues(ByteBuffer values) {
    if (wide) {
      for (int at = 0; at < values.limit(); at += Long.BYTES) {
        check(values.getLong(at));
      }
    } else {
      for (int at = 0; at < values.limit(); at += Integer.BYTES) {
        check(values.getInt(at));
      }
    }
  }

  private void check(long index) {
    if (index < 0 || index >= bound) {
      throw refuse("index " + index);
    }
  }

  private RpcProtocolException refuse(String what) {
    return new RpcProtocolException(
        ProtocolFault.OUT_OF_RANGE,
        "%s in %s, whose values must be row numbers from 0 to %d".formatted(what, name, bound - 1));
  }
}
