// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;

/** Builds an {@link RpcTensor} field by field. One thread; may go on after {@link #build}. */
public final class RpcTensorBuilder {
  private final byte[] bytes;

  RpcTensorBuilder(byte[] bytes) {
    this.bytes = bytes;
  }

  /** A descriptor with the fields as they are now. */
  public RpcTensor build() {
    return new RpcTensor(bytes.clone(), 0);
  }

  public RpcTensorBuilder id(long id) {
    return putLong(RpcTensor.ID, id);
  }

  public RpcTensorBuilder type(TensorType type) {
    return type(type.code());
  }

  /** A raw type, which need not exist. */
  public RpcTensorBuilder type(int type) {
    return putInt(RpcTensor.TYPE, type);
  }

  public RpcTensorBuilder buffer(long handle) {
    return putLong(RpcTensor.BUFFER, handle);
  }

  public RpcTensorBuilder shape(TensorShape shape) {
    for (int i = 0; i < 4; i++) {
      putInt(RpcTensor.NE + 4 * i, (int) shape.ne(i));
      putInt(RpcTensor.NB + 4 * i, (int) shape.nb(i));
    }
    return this;
  }

  public RpcTensorBuilder op(TensorOp op) {
    return op(op.code());
  }

  /** A raw operation, which need not exist. */
  public RpcTensorBuilder op(int op) {
    return putInt(RpcTensor.OP, op);
  }

  public RpcTensorBuilder opParam(int index, int value) {
    return putInt(RpcTensor.OP_PARAMS + 4 * Objects.checkIndex(index, OpParams.COUNT), value);
  }

  public RpcTensorBuilder opParam(int index, float value) {
    return opParam(index, Float.floatToRawIntBits(value));
  }

  public RpcTensorBuilder flags(int flags) {
    return putInt(RpcTensor.FLAGS, flags);
  }

  public RpcTensorBuilder source(int index, long id) {
    return putLong(RpcTensor.SOURCES + 8 * Objects.checkIndex(index, RpcTensor.MAX_SOURCES), id);
  }

  public RpcTensorBuilder view(long source, long offset) {
    return putLong(RpcTensor.VIEW_SOURCE, source).putLong(RpcTensor.VIEW_OFFSET, offset);
  }

  public RpcTensorBuilder data(long address) {
    return putLong(RpcTensor.DATA, address);
  }

  /** At most 63 bytes of UTF-8 are kept. */
  public RpcTensorBuilder name(String name) {
    byte[] utf8 = name.getBytes(StandardCharsets.UTF_8);
    int length = Math.min(utf8.length, RpcTensor.NAME_BYTES - 1);
    Arrays.fill(bytes, RpcTensor.NAME, RpcTensor.NAME + RpcTensor.NAME_BYTES, (byte) 0);
    System.arraycopy(utf8, 0, bytes, RpcTensor.NAME, length);
    return this;
  }

  public RpcTensorBuilder useCount(int count) {
    return putInt(RpcTensor.USE_COUNT, count);
  }

  private RpcTensorBuilder putInt(int field, int value) {
    LittleEndian.putInt(bytes, field, value);
    return this;
  }

  private RpcTensorBuilder putLong(int field, long value) {
    LittleEndian.putLong(bytes, field, value);
    return this;
  }
}
