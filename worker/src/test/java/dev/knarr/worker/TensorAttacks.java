// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.BAD_TENSOR_TYPE;
import static dev.knarr.rpc.ProtocolFault.FRAME_SIZE;
import static dev.knarr.rpc.ProtocolFault.NO_COMMUNICATOR;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.ProtocolFault.SIZE_OVERFLOW;
import static dev.knarr.rpc.ProtocolFault.UNKNOWN_BUFFER;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.RpcTensorBuilder;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import java.util.Collections;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;

/** Attacks on memory: handles, addresses, sizes and ranges of the commands that name a tensor. */
final class TensorAttacks {
  private static final long MAX_UINT32 = 0xffff_ffffL;
  private static final long MAX_UINT64 = -1;
  private static final int BUFFER_BYTES = 4096;
  private static final int TENSOR_BYTES = 256;

  private TensorAttacks() {}

  static Stream<Attack> all() {
    return Stream.of(handles(), descriptors(), ranges(), pieces(), others())
        .flatMap(attacks -> attacks);
  }

  private static Stream<Attack> handles() {
    return Stream.of(
            new RpcRequest.BufferGetBase(99),
            new RpcRequest.FreeBuffer(0),
            new RpcRequest.BufferClear(MAX_UINT64, (byte) 0))
        .map(
            request ->
                Attack.of(
                    request.command() + " of a buffer that does not exist",
                    UNKNOWN_BUFFER,
                    client -> {
                      client.channel().send(request);
                      client.channel().flush();
                    }));
  }

  /** A read of 64 floats at byte 1024 of a buffer of 4096 bytes, with one thing wrong. */
  private static Attack descriptor(
      String what, ProtocolFault fault, BiConsumer<RpcTensorBuilder, RawClient.Buffer> change) {
    return Attack.of(
        what,
        fault,
        client -> {
          var buffer = client.allocate(0, BUFFER_BYTES);
          var tensor = client.f32(buffer, 1024, 64, 1);
          change.accept(tensor, buffer);
          client.sendBytes(get(tensor.build(), 0, 4));
        });
  }

  private static Stream<Attack> descriptors() {
    return Stream.of(
        descriptor("type 43", BAD_TENSOR_TYPE, (t, _) -> t.type(43)),
        descriptor("type 2^32 - 1", BAD_TENSOR_TYPE, (t, _) -> t.type(-1)),
        descriptor("type 4, which was removed", BAD_TENSOR_TYPE, (t, _) -> t.type(4)),
        descriptor("type 36, which was removed", BAD_TENSOR_TYPE, (t, _) -> t.type(36)),
        descriptor(
            "extents times strides over 2^64",
            SIZE_OVERFLOW,
            (t, _) ->
                t.shape(
                    WireGraph.shape(
                        MAX_UINT32,
                        MAX_UINT32,
                        MAX_UINT32,
                        MAX_UINT32,
                        MAX_UINT32,
                        MAX_UINT32,
                        MAX_UINT32,
                        MAX_UINT32))),
        descriptor(
            "a stride that leads out of the buffer",
            OUT_OF_RANGE,
            (t, _) -> t.shape(WireGraph.shape(64, 2, 1, 1, 4, MAX_UINT32, 4, 4))),
        descriptor("an address before the buffer", OUT_OF_RANGE, (t, b) -> t.data(b.base() - 64)),
        descriptor("address 8", OUT_OF_RANGE, (t, _) -> t.data(8)),
        descriptor(
            "an end behind the buffer", OUT_OF_RANGE, (t, b) -> t.data(b.base() + 4096 - 128)),
        descriptor(
            "an end behind 2^64", OUT_OF_RANGE, (t, _) -> t.data(MAX_UINT64 - TENSOR_BYTES + 2)),
        descriptor("an address without a buffer", UNKNOWN_BUFFER, (t, _) -> t.buffer(0)),
        descriptor("no buffer", UNKNOWN_BUFFER, (t, _) -> t.buffer(0).data(0)),
        descriptor("a buffer that does not exist", UNKNOWN_BUFFER, (t, _) -> t.buffer(12345)),
        Attack.of(
            "a buffer that was freed",
            UNKNOWN_BUFFER,
            client -> {
              var buffer = client.allocate(0, BUFFER_BYTES);
              client.free(buffer);
              client.sendBytes(get(client.f32(buffer, 0, 64, 1).build(), 0, 4));
            }));
  }

  private static byte[] get(RpcTensor tensor, long offset, long size) {
    var payload = Frames.buffer(312);
    tensor.encode(payload);
    return Frames.of(RpcCommand.GET_TENSOR, payload.putLong(offset).putLong(size));
  }

  /** A command on 256 bytes in the middle of a buffer. */
  private static Attack onTensor(
      String what, ProtocolFault fault, Function<RpcTensor, byte[]> frame) {
    return Attack.of(
        what,
        fault,
        client -> {
          var buffer = client.allocate(0, BUFFER_BYTES);
          client.sendBytes(frame.apply(client.f32(buffer, 1024, 64, 1).build()));
        });
  }

  private static Stream<Attack> ranges() {
    return Stream.of(
        onTensor("a read past the tensor", OUT_OF_RANGE, t -> get(t, 4, TENSOR_BYTES)),
        onTensor("a read from 2^64 - 4", OUT_OF_RANGE, t -> get(t, -4, 8)),
        onTensor("a read of 2^63 bytes", OUT_OF_RANGE, t -> get(t, 0, Long.MIN_VALUE)),
        onTensor("a write past the tensor", OUT_OF_RANGE, t -> set(t, 200, 64)),
        onTensor("a write from 2^64 - 4", OUT_OF_RANGE, t -> set(t, -4, 8)),
        onTensor("a write behind the buffer", OUT_OF_RANGE, t -> set(t, BUFFER_BYTES, 0)),
        onTensor("a fill past the tensor", OUT_OF_RANGE, t -> fill(t, 0, TENSOR_BYTES + 1)),
        onTensor("a fill that wraps round", OUT_OF_RANGE, t -> fill(t, 8, MAX_UINT64)),
        onTensor("a hash for data past the tensor", OUT_OF_RANGE, t -> hash(t, TENSOR_BYTES + 1)));
  }

  private static byte[] set(RpcTensor tensor, long offset, int bytes) {
    var payload = Frames.buffer(305 + bytes);
    tensor.encode(payload);
    return Frames.of(RpcCommand.SET_TENSOR, payload.put((byte) 0).putLong(offset));
  }

  private static byte[] fill(RpcTensor tensor, long offset, long bytes) {
    var payload = Frames.buffer(313);
    tensor.encode(payload);
    return Frames.of(RpcCommand.MEMSET_TENSOR, payload.putLong(offset).putLong(bytes));
  }

  private static byte[] hash(RpcTensor tensor, long offset) {
    var payload = Frames.buffer(312);
    tensor.encode(payload);
    return Frames.of(RpcCommand.SET_TENSOR_HASH, payload.putLong(offset));
  }

  private static Stream<Attack> pieces() {
    return Stream.of(
        onTensor("no pieces", OUT_OF_RANGE, t -> get2d(t, 4, 0, 8)),
        onTensor("pieces of no bytes", OUT_OF_RANGE, t -> get2d(t, 0, 4, 8)),
        onTensor("pieces past the tensor", OUT_OF_RANGE, t -> get2d(t, 8, 32, 16)),
        onTensor("2^62 pieces of 8 bytes", SIZE_OVERFLOW, t -> get2d(t, 8, 1L << 62, 0)),
        onTensor("a stride of 2^62", SIZE_OVERFLOW, t -> get2d(t, 8, 4, 1L << 62)),
        onTensor("a stride of 2^63", OUT_OF_RANGE, t -> get2d(t, 8, 4, Long.MIN_VALUE)),
        onTensor("less data than the pieces have", FRAME_SIZE, t -> set2d(t, 31)),
        onTensor("more data than the pieces have", FRAME_SIZE, t -> set2d(t, 33)));
  }

  private static byte[] get2d(RpcTensor tensor, long size, long pieces, long stride) {
    var payload = Frames.buffer(328);
    tensor.encode(payload);
    payload.putLong(0).putLong(size).putLong(pieces).putLong(stride);
    return Frames.of(RpcCommand.GET_TENSOR_2D, payload);
  }

  private static byte[] set2d(RpcTensor tensor, int dataBytes) {
    var payload = Frames.buffer(328 + dataBytes);
    tensor.encode(payload);
    payload.putLong(0).putLong(8).putLong(4).putLong(16);
    return Frames.of(RpcCommand.SET_TENSOR_2D, payload);
  }

  private static Stream<Attack> others() {
    return Stream.of(
        onTensor("a sum across workers without a partner", NO_COMMUNICATOR, TensorAttacks::reduce),
        onTensor("an INIT_TENSOR of type 31", BAD_TENSOR_TYPE, t -> init(t, b -> b.type(31))),
        onTensor(
            "an INIT_TENSOR behind the buffer",
            OUT_OF_RANGE,
            t -> init(t, b -> b.data(t.data() + BUFFER_BYTES))),
        Attack.of(
            "a copy into a smaller tensor",
            OUT_OF_RANGE,
            client -> {
              var buffer = client.allocate(0, BUFFER_BYTES);
              var small = client.f32(buffer, 0, 63, 1).build();
              client.sendBytes(copy(client.f32(buffer, 1024, 64, 1).build(), small));
            }),
        Attack.of(
            "a copy to a buffer that does not exist",
            UNKNOWN_BUFFER,
            client -> {
              var tensor = client.f32(client.allocate(0, BUFFER_BYTES), 0, 64, 1);
              client.sendBytes(copy(tensor.build(), tensor.buffer(7).build()));
            }),
        allocSize("an operation that does not exist", UNSUPPORTED_OP, t -> t.op(101)),
        allocSize("a function of the host", UNSUPPORTED_OP, t -> t.op(TensorOp.CUSTOM)),
        allocSize("a product without factors", BAD_GRAPH, t -> t.op(TensorOp.MUL_MAT)),
        allocSize("another type's rows", BAD_SHAPE, t -> t.type(TensorType.Q4_0)));
  }

  private static byte[] reduce(RpcTensor tensor) {
    var payload = Frames.buffer(300).putInt(0);
    tensor.encode(payload);
    return Frames.of(RpcCommand.COMM_ALLREDUCE, payload);
  }

  private static byte[] init(RpcTensor tensor, Consumer<RpcTensorBuilder> change) {
    var builder = tensor.toBuilder();
    change.accept(builder);
    var payload = Frames.buffer(RpcTensor.BYTES);
    builder.build().encode(payload);
    return Frames.of(RpcCommand.INIT_TENSOR, payload);
  }

  private static byte[] copy(RpcTensor source, RpcTensor target) {
    var payload = Frames.buffer(2 * RpcTensor.BYTES);
    source.encode(payload);
    target.encode(payload);
    return Frames.of(RpcCommand.COPY_TENSOR, payload);
  }

  /** A question to a device whose backend is asked, which the CPU's is not. */
  private static Attack allocSize(
      String what, ProtocolFault fault, Consumer<RpcTensorBuilder> change) {
    return Attack.of(
        "GET_ALLOC_SIZE of " + what,
        fault,
        client -> {
          var tensor = client.f32(client.allocate(1, BUFFER_BYTES), 0, 33, 1).buffer(0).data(0);
          change.accept(tensor);
          List<RpcTensor> none = Collections.nCopies(RpcTensor.MAX_SOURCES, RpcTensor.none());
          client.channel().send(new RpcRequest.GetAllocSize(1, tensor.build(), none));
          client.channel().flush();
        });
  }
}
