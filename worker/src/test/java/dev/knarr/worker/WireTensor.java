// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.RpcTensorBuilder;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import java.util.function.Consumer;

/** What a client says of one tensor of a {@link WireGraph}, right or wrong. */
final class WireTensor {
  private final long id;
  private final long address;
  private final long[] ne;
  private final RpcTensorBuilder builder;

  WireTensor(long id, TensorType type, RawClient.Buffer buffer, long address, long... extents) {
    this.id = id;
    this.address = address;
    ne = new long[] {1, 1, 1, 1};
    System.arraycopy(extents, 0, ne, 0, extents.length);
    builder =
        RpcTensor.builder()
            .id(id)
            .name("t" + id)
            .type(type)
            .shape(TensorShape.contiguous(type, ne[0], ne[1], ne[2], ne[3]))
            .buffer(buffer.handle())
            .data(address);
  }

  long id() {
    return id;
  }

  long address() {
    return address;
  }

  WireTensor from(WireTensor... operands) {
    for (int i = 0; i < operands.length; i++) {
      builder.source(i, operands[i].id);
    }
    return this;
  }

  WireTensor strides(long nb0, long nb1, long nb2, long nb3) {
    builder.shape(new TensorShape(ne[0], ne[1], ne[2], ne[3], nb0, nb1, nb2, nb3));
    return this;
  }

  /** A view, at the address that such a view has. */
  WireTensor viewOf(WireTensor source, long offset) {
    builder.view(source.id, offset).data(source.address + offset);
    return this;
  }

  WireTensor params(int... values) {
    for (int i = 0; i < values.length; i++) {
      builder.opParam(i, values[i]);
    }
    return this;
  }

  WireTensor param(int index, float value) {
    builder.opParam(index, value);
    return this;
  }

  /** Lies outside of this server. */
  WireTensor elsewhere() {
    return with(it -> it.buffer(0).data(0));
  }

  /** Any change. */
  WireTensor with(Consumer<RpcTensorBuilder> change) {
    change.accept(builder);
    return this;
  }

  RpcTensor build() {
    return builder.build();
  }
}
