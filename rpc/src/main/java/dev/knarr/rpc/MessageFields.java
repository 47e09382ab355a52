// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.FRAME_SIZE;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.ProtocolFault.SIZE_OVERFLOW;

import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Checks and fields that several messages share. */
final class MessageFields {
  private MessageFields() {}

  /** Decodes a descriptor whose type and size must make sense, whatever is done with it. */
  static RpcTensor sizedTensor(ByteBuffer in) {
    RpcTensor tensor = RpcTensor.decode(in);
    requireSized(tensor);
    return tensor;
  }

  static void requireSized(RpcTensor tensor) {
    long ignored = tensor.byteSize();
    assert ignored >= 0;
  }

  static void requireKnownOp(RpcTensor tensor) {
    TensorOp op = TensorOp.ofCode(tensor.op()).orElse(null);
    if (op == null || op.hostFunction()) {
      throw new RpcProtocolException(
          ProtocolFault.UNSUPPORTED_OP,
          "Operation %s does not exist or is never valid on the wire"
              .formatted(Integer.toUnsignedString(tensor.op())));
    }
  }

  /** Total bytes of {@code pieces} pieces, after the check that all of them lie in the tensor. */
  static long requirePieces(
      RpcTensor tensor, long offset, long pieceBytes, long pieces, long stride) {
    if (pieceBytes < 1 || pieces < 1 || stride < 0) {
      throw new RpcProtocolException(
          OUT_OF_RANGE,
          "%s pieces of %s bytes at distances of %s: there must be at least one of at least one byte, less than 2^63"
              .formatted(
                  Long.toUnsignedString(pieces),
                  Long.toUnsignedString(pieceBytes),
                  Long.toUnsignedString(stride)));
    }
    long span;
    long total;
    try {
      total = Math.multiplyExact(pieceBytes, pieces);
      span = Math.addExact(Math.multiplyExact(pieces - 1, stride), pieceBytes);
    } catch (ArithmeticException _) {
      throw new RpcProtocolException(
          SIZE_OVERFLOW,
          "%d pieces of %d bytes at distances of %d leave 63 bits"
              .formatted(pieces, pieceBytes, stride));
    }
    tensor.requireRange(offset, span);
    return total;
  }

  static void requireDataBytes(RpcCommand command, long announced, long described) {
    if (announced != described) {
      throw new RpcProtocolException(
          FRAME_SIZE,
          "%s carries %d bytes of data but describes %d".formatted(command, announced, described));
    }
  }

  /** A text field of fixed width, NUL-padded. */
  static String decodeText(ByteBuffer in, int width) {
    byte[] bytes = new byte[width];
    in.get(bytes);
    int end = 0;
    while (end < width && bytes[end] != 0) {
      end++;
    }
    if (end == width) {
      throw new RpcProtocolException(
          BAD_FIELD, "A text field of %d bytes has no terminating NUL".formatted(width));
    }
    return new String(bytes, 0, end, StandardCharsets.ISO_8859_1);
  }

  static void encodeText(ByteBuffer out, int width, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    if (bytes.length >= width) {
      throw new IllegalArgumentException(
          "'%s' is too long: the field holds %d bytes".formatted(text, width - 1));
    }
    out.put(bytes);
    out.put(new byte[width - bytes.length]);
  }
}
