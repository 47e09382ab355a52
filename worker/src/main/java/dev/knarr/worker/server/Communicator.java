// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorType;
import dev.knarr.worker.graph.TensorPlace;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ByteChannel;
import java.time.Duration;

/**
 * The link between two workers that hold halves of every tensor. The bytes on it have no framing:
 * rank 0 sends first and then receives, rank 1 the other way round; tensors of 32 768 elements and
 * more travel as BF16 (section 14.3 of the protocol). Closed by its guard. The connection's thread
 * only.
 */
final class Communicator {
  private static final int BF16_FROM_ELEMENTS = 32_768;

  /**
   * Three copies of a tensor are in memory at once. The sum of a batch of 512 tokens with rows of
   * 16,384 numbers has 32 MiB.
   */
  private static final int MAX_BYTES = 128 << 20;

  private final ByteChannel link;
  private final LinkGuard guard;
  private final int rank;
  private final Duration limit;
  private ByteBuffer own = buffer(0);
  private ByteBuffer outgoing = buffer(0);
  private ByteBuffer incoming = buffer(0);

  Communicator(ByteChannel link, LinkGuard guard, int rank, Duration limit) {
    this.link = link;
    this.guard = guard;
    this.rank = rank;
    this.limit = limit;
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The same buffer, or a larger one, with room for so many bytes exactly. */
  private static ByteBuffer sized(ByteBuffer buffer, int bytes) {
    return (buffer.capacity() < bytes ? buffer(bytes) : buffer).clear().limit(bytes);
  }

  /**
   * Adds the other worker's values of the same tensor to this one's.
   *
   * @throws RpcProtocolException LINK_LOST when the other is gone or does not answer in time
   */
  void allreduce(RpcTensor tensor, TensorPlace place) {
    if (tensor.type() != TensorType.F32.code() || !contiguous(tensor)) {
      throw new RpcProtocolException(
          ProtocolFault.BAD_SHAPE,
          "a reduction of %s, which is not contiguous F32".formatted(tensor.printableName()));
    }
    if (place.bytes() == 0) {
      return;
    }
    if (place.bytes() > MAX_BYTES) {
      throw new RpcProtocolException(
          ProtocolFault.FRAME_TOO_LARGE,
          "a reduction of %s with %d bytes, over the limit of %d: use a smaller --ubatch-size"
              .formatted(tensor.printableName(), place.bytes(), MAX_BYTES));
    }
    int bytes = (int) place.bytes();
    own = sized(own, bytes);
    place.buffer().read(place.offset(), own.duplicate());
    boolean halves = bytes / Float.BYTES >= BF16_FROM_ELEMENTS;
    outgoing = sized(outgoing, halves ? bytes / 2 : bytes);
    incoming = sized(incoming, halves ? bytes / 2 : bytes);
    encode(halves);
    exchange(tensor);
    add(halves);
    place.buffer().write(place.offset(), own);
  }

  private void exchange(RpcTensor tensor) {
    guard.allow(limit);
    try {
      if (rank == 0) {
        send(link, outgoing);
        receive(link, incoming);
      } else {
        receive(link, incoming);
        send(link, outgoing);
      }
      guard.rest();
    } catch (IOException e) {
      throw new RpcProtocolException(
          ProtocolFault.LINK_LOST,
          "the link to the other worker was lost during a reduction of %s: %s"
              .formatted(
                  tensor.printableName(),
                  guard.isOver()
                      ? "it was ended, or did not answer within %d s".formatted(limit.toSeconds())
                      : e.getMessage()));
    }
  }

  /** As {@code ggml_is_contiguous}: the stride of a dimension of one element does not count. */
  private static boolean contiguous(RpcTensor tensor) {
    long next = Float.BYTES;
    for (int i = 0; i < 4; i++) {
      if (tensor.ne(i) == 0) {
        return true;
      }
      if (tensor.ne(i) != 1) {
        if (tensor.nb(i) != next) {
          return false;
        }
        // No overflow: strides of the wire are below 2^32, so next was, and so is the extent.
        next *= tensor.ne(i);
      }
    }
    return true;
  }

  private void encode(boolean halves) {
    if (!halves) {
      outgoing.put(0, own, 0, own.limit());
      return;
    }
    for (int i = 0; i < own.limit() / Float.BYTES; i++) {
      outgoing.putShort(i * Short.BYTES, toBf16(own.getInt(i * Float.BYTES)));
    }
  }

  /** Rounds to the nearest, ties to even; a NaN stays one. */
  private static short toBf16(int bits) {
    if ((bits & 0x7fffffff) > 0x7f800000) {
      return (short) ((bits >>> 16) | 64);
    }
    return (short) ((bits + (0x7fff + ((bits >>> 16) & 1))) >>> 16);
  }

  private void add(boolean halves) {
    for (int i = 0; i < own.limit() / Float.BYTES; i++) {
      float value =
          halves
              ? Float.intBitsToFloat(incoming.getShort(i * Short.BYTES) << 16)
              : incoming.getFloat(i * Float.BYTES);
      own.putFloat(i * Float.BYTES, own.getFloat(i * Float.BYTES) + value);
    }
  }

  static void send(ByteChannel link, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      link.write(bytes);
    }
  }

  static void receive(ByteChannel link, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      if (link.read(bytes) < 0) {
        throw new EOFException("the other worker closed the link");
      }
    }
  }
}
