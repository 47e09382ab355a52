// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.RpcTensorBuilder;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;

/** A tensor descriptor in the making, without gaps unless it is given strides. */
final class Draft {
  private static final long BUFFER = 1;

  private final RpcTensorBuilder builder = RpcTensor.builder().flags(RpcTensor.FLAG_COMPUTE);
  private final long[] ne = {1, 1, 1, 1};

  private Draft(TensorType type, long... extents) {
    System.arraycopy(extents, 0, ne, 0, extents.length);
    builder
        .type(type)
        .id(1)
        .buffer(BUFFER)
        .shape(TensorShape.contiguous(type, ne[0], ne[1], ne[2], ne[3]));
  }

  /** Plain data. */
  static Draft data(TensorType type, long... extents) {
    return new Draft(type, extents);
  }

  /** The result of an operation. */
  static Draft result(TensorOp op, TensorType type, long... extents) {
    Draft draft = new Draft(type, extents);
    draft.builder.op(op).name("probe");
    return draft;
  }

  /** "No tensor", for an operand that is missing. */
  static Draft missing() {
    Draft draft = new Draft(TensorType.F32);
    draft.builder.id(0);
    return draft;
  }

  Draft strides(long nb0, long nb1, long nb2, long nb3) {
    builder.shape(new TensorShape(ne[0], ne[1], ne[2], ne[3], nb0, nb1, nb2, nb3));
    return this;
  }

  /** Extents that need not fit type or memory; strides have to follow. */
  Draft extents(long ne0, long ne1, long ne2, long ne3) {
    ne[0] = ne0;
    ne[1] = ne1;
    ne[2] = ne2;
    ne[3] = ne3;
    return this;
  }

  Draft rawType(int type) {
    builder.type(type);
    return this;
  }

  Draft param(int index, int value) {
    builder.opParam(index, value);
    return this;
  }

  Draft params(int... values) {
    for (int i = 0; i < values.length; i++) {
      builder.opParam(i, values[i]);
    }
    return this;
  }

  Draft param(int index, float value) {
    builder.opParam(index, value);
    return this;
  }

  Draft id(long id) {
    builder.id(id);
    return this;
  }

  Draft at(long address) {
    builder.data(address);
    return this;
  }

  Draft name(String name) {
    builder.name(name);
    return this;
  }

  Draft flags(int flags) {
    builder.flags(flags);
    return this;
  }

  Draft sources(long... ids) {
    for (int i = 0; i < ids.length; i++) {
      builder.source(i, ids[i]);
    }
    return this;
  }

  Draft viewOf(long id, long offset) {
    builder.view(id, offset);
    return this;
  }

  RpcTensor build() {
    return builder.build();
  }
}
