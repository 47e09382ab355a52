// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import static dev.knarr.rpc.ProtocolFault.BAD_TENSOR_TYPE;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.ProtocolFault.SIZE_OVERFLOW;

import dev.knarr.rpc.RpcProtocolException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The descriptor of a tensor: 296 bytes that say type, shape, operation, operands and address, and
 * carry no data. It keeps the bytes as they came and decodes a field when it is asked for, since a
 * token's messages hold a dozen of them and most fields are never looked at; so every descriptor
 * encodes back to the same bytes.
 *
 * <p>Ids, handles and addresses are unsigned 64-bit numbers held in a {@code long}: compare them
 * for equality only. Equality is that of the bytes. Immutable; any thread.
 */
public final class RpcTensor {
  /** Bytes on the wire. */
  public static final int BYTES = 296;

  /** Operands of every descriptor; unused ones are 0. */
  public static final int MAX_SOURCES = 10;

  /** The bit of {@link #flags} without which a node of a graph is not computed. */
  public static final int FLAG_COMPUTE = 16;

  static final int ID = 0;
  static final int TYPE = 8;
  static final int BUFFER = 12;
  static final int NE = 20;
  static final int NB = 36;
  static final int OP = 52;
  static final int OP_PARAMS = 56;
  static final int FLAGS = 120;
  static final int SOURCES = 124;
  static final int VIEW_SOURCE = 204;
  static final int VIEW_OFFSET = 212;
  static final int DATA = 220;
  static final int NAME = 228;
  static final int NAME_BYTES = 64;
  static final int USE_COUNT = 292;

  private static final RpcTensor NULL = new RpcTensor(new byte[BYTES], 0);

  private final byte[] bytes;
  private final int offset;

  /** A view; the caller gives up the bytes. */
  RpcTensor(byte[] bytes, int offset) {
    Objects.checkFromIndexSize(offset, BYTES, bytes.length);
    this.bytes = bytes;
    this.offset = offset;
  }

  /** The descriptor that says "no tensor": all bytes zero. */
  public static RpcTensor none() {
    return NULL;
  }

  /** Takes the next 296 bytes of the buffer. No field is checked yet. */
  public static RpcTensor decode(ByteBuffer in) {
    byte[] bytes = new byte[BYTES];
    in.get(bytes);
    return new RpcTensor(bytes, 0);
  }

  /** Takes the next {@code count} descriptors, which share one array. */
  public static RpcTensor[] decode(ByteBuffer in, int count) {
    byte[] bytes = new byte[Math.multiplyExact(BYTES, count)];
    in.get(bytes);
    RpcTensor[] tensors = new RpcTensor[count];
    for (int i = 0; i < count; i++) {
      tensors[i] = new RpcTensor(bytes, BYTES * i);
    }
    return tensors;
  }

  /** Puts the 296 bytes into the buffer. */
  public void encode(ByteBuffer out) {
    out.put(bytes, offset, BYTES);
  }

  /** A builder with this descriptor's fields, for instance to give it another address. */
  public RpcTensorBuilder toBuilder() {
    return new RpcTensorBuilder(Arrays.copyOfRange(bytes, offset, offset + BYTES));
  }

  /** A builder of a plain F32 tensor with one element, no buffer and no name. */
  public static RpcTensorBuilder builder() {
    return new RpcTensorBuilder(new byte[BYTES]).shape(new TensorShape(1, 1, 1, 1, 4, 4, 4, 4));
  }

  /** Identity inside one message; 0 means "no tensor". */
  public long id() {
    return longAt(ID);
  }

  /** Whether this is the filler for "no tensor". */
  public boolean isNull() {
    return id() == 0;
  }

  /** The type as a raw number; {@link TensorType#ofCode} knows which are valid. */
  public int type() {
    return intAt(TYPE);
  }

  /** The valid type. */
  public TensorType tensorType() {
    return tensorTypeOrThrow();
  }

  /** Handle of the buffer the tensor lies in, or 0: not in a buffer of this server. */
  public long buffer() {
    return longAt(BUFFER);
  }

  /** Extents and strides in one object; {@link #ne} and {@link #nb} need none. */
  public TensorShape shape() {
    return new TensorShape(ne(0), ne(1), ne(2), ne(3), nb(0), nb(1), nb(2), nb(3));
  }

  /** Elements in dimension 0 to 3, 0 to 2^32-1. */
  public long ne(int dimension) {
    return LittleEndian.getUnsignedInt(bytes, offset + NE + 4 * Objects.checkIndex(dimension, 4));
  }

  /** Stride in bytes of dimension 0 to 3, 0 to 2^32-1. */
  public long nb(int dimension) {
    return LittleEndian.getUnsignedInt(bytes, offset + NB + 4 * Objects.checkIndex(dimension, 4));
  }

  /** The operation as a raw number; {@link TensorOp#ofCode} knows which are valid. */
  public int op() {
    return intAt(OP);
  }

  /** Parameters of the operation. */
  public OpParams opParams() {
    return new OpParams(bytes, offset + OP_PARAMS);
  }

  /** Bit 0 input, 1 output, 2 parameter, 3 loss, 4 compute. */
  public int flags() {
    return intAt(FLAGS);
  }

  /** Whether a node of a graph is to be computed; without the flag it is there for its shape. */
  public boolean isComputed() {
    return (flags() & FLAG_COMPUTE) != 0;
  }

  /** Id of operand 0 to 9, or 0. */
  public long source(int index) {
    return longAt(SOURCES + 8 * Objects.checkIndex(index, MAX_SOURCES));
  }

  /** Id of the tensor this one is a view of, or 0. */
  public long viewSource() {
    return longAt(VIEW_SOURCE);
  }

  /** Byte offset in {@link #viewSource}. */
  public long viewOffset() {
    return longAt(VIEW_OFFSET);
  }

  /** Address of the first element in the server's own terms; 0 when {@link #buffer} is 0. */
  public long data() {
    return longAt(DATA);
  }

  /** The name up to its first NUL, decoded on each call; information only. */
  public String name() {
    int end = 0;
    while (end < NAME_BYTES && bytes[offset + NAME + end] != 0) {
      end++;
    }
    return new String(bytes, offset + NAME, end, StandardCharsets.UTF_8);
  }

  /** How many operands in the whole graph refer to this tensor; 0 outside graphs. */
  public int useCount() {
    return intAt(USE_COUNT);
  }

  /**
   * Bytes from the first element to behind the last, gaps included. The stride of a dimension with
   * one element does not count.
   *
   * @throws RpcProtocolException BAD_TENSOR_TYPE when the type is invalid, SIZE_OVERFLOW when the
   *     size leaves 63 bits
   */
  public long byteSize() {
    TensorType type = tensorTypeOrThrow();
    if (ne(0) == 0 || ne(1) == 0 || ne(2) == 0 || ne(3) == 0) {
      return 0;
    }
    try {
      long size;
      if (type.blockElements() == 1) {
        size = Math.addExact(type.blockBytes(), Math.multiplyExact(ne(0) - 1, nb(0)));
      } else {
        size = Math.multiplyExact(ne(0), nb(0)) / type.blockElements();
      }
      for (int i = 1; i < 4; i++) {
        size = Math.addExact(size, Math.multiplyExact(ne(i) - 1, nb(i)));
      }
      return size;
    } catch (ArithmeticException _) {
      throw new RpcProtocolException(
          SIZE_OVERFLOW, "The size of tensor %s leaves 63 bits".formatted(this));
    }
  }

  /**
   * Refuses a range that is not wholly inside the tensor.
   *
   * @throws RpcProtocolException OUT_OF_RANGE, or as {@link #byteSize}
   */
  public void requireRange(long start, long length) {
    long size = byteSize();
    if (start < 0 || length < 0 || start > size || length > size - start) {
      throw new RpcProtocolException(
          OUT_OF_RANGE,
          "Range of %s bytes at offset %s is outside tensor %s of %d bytes"
              .formatted(Long.toUnsignedString(length), Long.toUnsignedString(start), this, size));
    }
  }

  private TensorType tensorTypeOrThrow() {
    int type = type();
    TensorType known = TensorType.ofCode(type).orElse(null);
    if (known == null) {
      throw new RpcProtocolException(
          BAD_TENSOR_TYPE,
          "Tensor type %s does not exist".formatted(Integer.toUnsignedString(type)));
    }
    return known;
  }

  private int intAt(int field) {
    return LittleEndian.getInt(bytes, offset + field);
  }

  private long longAt(int field) {
    return LittleEndian.getLong(bytes, offset + field);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof RpcTensor that
        && Arrays.equals(
            bytes, offset, offset + BYTES, that.bytes, that.offset, that.offset + BYTES);
  }

  @Override
  public int hashCode() {
    return Long.hashCode(id() * 31 + data());
  }

  /** Type, shape and name, for messages. */
  @Override
  public String toString() {
    String type =
        TensorType.ofCode(type()).map(TensorType::label).orElseGet(() -> "type " + type());
    String op = TensorOp.ofCode(op()).map(TensorOp::name).orElseGet(() -> "op " + op());
    return "'%s' %s %s [%d,%d,%d,%d] strides [%d,%d,%d,%d]"
        .formatted(
            printableName(), op, type, ne(0), ne(1), ne(2), ne(3), nb(0), nb(1), nb(2), nb(3));
  }

  /** The name as it may go into logs: it comes from the peer, so one line and no control codes. */
  public String printableName() {
    return name().replaceAll("[^\\x20-\\x7e]", "?");
  }
}
