// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import static dev.knarr.rpc.MessageFields.requireDataBytes;
import static dev.knarr.rpc.MessageFields.requirePieces;
import static dev.knarr.rpc.MessageFields.requireSized;
import static dev.knarr.rpc.MessageFields.sizedTensor;

import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * What a client can ask. Each record decodes and encodes its fixed fields; data that follows them
 * ({@link SetTensor}, {@link SetTensor2d}) is streamed by the channel and is only counted here.
 *
 * <p>How the wire's numbers map: a {@code u32} device is an {@code int}, negative from 2^31 on
 * (compare with the number of devices before use). Handles, uids, hashes and addresses are opaque
 * {@code long}s. Offsets and sizes inside a tensor are checked when decoded and are never negative.
 * The size of {@link AllocBuffer} is negative from 2^63 on, and absurd.
 *
 * <p>Decoding checks all that the message alone can show: types exist, sizes do not overflow,
 * ranges lie inside their tensor. Whether the tensor lies in a live buffer is for the server.
 */
public sealed interface RpcRequest
    permits RpcRequest.AllocBuffer,
        RpcRequest.GetAlignment,
        RpcRequest.GetMaxSize,
        RpcRequest.BufferGetBase,
        RpcRequest.FreeBuffer,
        RpcRequest.BufferClear,
        RpcRequest.SetTensor,
        RpcRequest.SetTensorHash,
        RpcRequest.GetTensor,
        RpcRequest.CopyTensor,
        RpcRequest.GraphCompute,
        RpcRequest.GetDeviceMemory,
        RpcRequest.InitTensor,
        RpcRequest.GetAllocSize,
        RpcRequest.Hello,
        RpcRequest.DeviceCount,
        RpcRequest.GraphRecompute,
        RpcRequest.MemsetTensor,
        RpcRequest.SetTensor2d,
        RpcRequest.GetTensor2d,
        RpcRequest.CommInit,
        RpcRequest.CommAllreduce,
        RpcRequest.CommFree,
        RouteRequest {
  /** The command this is a request of. */
  RpcCommand command();

  /** Puts the fixed fields into a little-endian buffer; of a graph, what precedes its counts. */
  void encode(ByteBuffer out);

  /** Payload bytes of the frame, streamed data and graph included. */
  default long payloadBytes() {
    return command().requestBytes();
  }

  /** Payload bytes of the answer, or -1 when there is none. */
  default long responseBytes() {
    return command().answered() ? command().responseBytes() : -1;
  }

  /**
   * Decodes the payload of a frame whose length has been checked against the command.
   *
   * @param payload little-endian; at its position the fixed fields, of a graph all of it. Streamed
   *     data need not be there
   * @param payloadBytes the frame's announced length
   * @throws RpcProtocolException when a field is not valid
   */
  static RpcRequest decode(RpcCommand command, ByteBuffer payload, long payloadBytes) {
    return switch (command) {
      case ALLOC_BUFFER -> AllocBuffer.decode(payload);
      case GET_ALIGNMENT -> new GetAlignment(payload.getInt());
      case GET_MAX_SIZE -> new GetMaxSize(payload.getInt());
      case BUFFER_GET_BASE -> new BufferGetBase(payload.getLong());
      case FREE_BUFFER -> new FreeBuffer(payload.getLong());
      case BUFFER_CLEAR -> BufferClear.decode(payload);
      case SET_TENSOR -> SetTensor.decode(payload, payloadBytes);
      case SET_TENSOR_HASH -> SetTensorHash.decode(payload);
      case GET_TENSOR -> GetTensor.decode(payload);
      case COPY_TENSOR -> CopyTensor.decode(payload);
      case GRAPH_COMPUTE -> GraphCompute.decode(payload, payloadBytes);
      case GET_DEVICE_MEMORY -> new GetDeviceMemory(payload.getInt());
      case INIT_TENSOR -> new InitTensor(sizedTensor(payload));
      case GET_ALLOC_SIZE -> GetAllocSize.decode(payload);
      case HELLO -> new Hello(Capabilities.decode(payload));
      case DEVICE_COUNT -> new DeviceCount();
      case GRAPH_RECOMPUTE -> GraphRecompute.decode(payload);
      case MEMSET_TENSOR -> MemsetTensor.decode(payload);
      case SET_TENSOR_2D -> SetTensor2d.decode(payload, payloadBytes);
      case GET_TENSOR_2D -> GetTensor2d.decode(payload);
      case COMM_INIT -> CommInit.decode(payload);
      case COMM_ALLREDUCE -> CommAllreduce.decode(payload);
      case COMM_FREE -> new CommFree(payload.getInt());
      case ROUTE_PUT,
          ROUTE_SLOT,
          ROUTE_WRITE,
          ROUTE_FORGET_SLOT,
          ROUTE_GRAPH,
          ROUTE_BIND,
          ROUTE_COMPUTE,
          ROUTE_FORGET_GRAPH,
          ROUTE_READ,
          ROUTE_COPY,
          ROUTE_LINK,
          ROUTE_PUSH,
          ROUTE_PULL,
          ROUTE_TENSOR,
          ROUTE_OFFER,
          ROUTE_WEIGHTS,
          ROUTE_ADOPTED ->
          RouteRequest.decode(command, payload, payloadBytes);
      case ROUTE_WELCOME ->
          throw new RpcProtocolException(
              ProtocolFault.UNKNOWN_COMMAND, command + " is said by workers only");
    };
  }

  /** Asks for a buffer; answered with (0, 0) when it cannot be had, however absurd the size. */
  record AllocBuffer(int device, long size) implements RpcRequest {
    static AllocBuffer decode(ByteBuffer in) {
      return new AllocBuffer(in.getInt(), in.getLong());
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putInt(device).putLong(size);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ALLOC_BUFFER;
    }
  }

  /** Asks for the alignment of tensors in buffers of a device. */
  record GetAlignment(int device) implements RpcRequest {
    @Override
    public void encode(ByteBuffer out) {
      out.putInt(device);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.GET_ALIGNMENT;
    }
  }

  /** Asks for the largest buffer of a device. */
  record GetMaxSize(int device) implements RpcRequest {
    @Override
    public void encode(ByteBuffer out) {
      out.putInt(device);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.GET_MAX_SIZE;
    }
  }

  /** Asks for the address at which a buffer begins. */
  record BufferGetBase(long buffer) implements RpcRequest {
    @Override
    public void encode(ByteBuffer out) {
      out.putLong(buffer);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.BUFFER_GET_BASE;
    }
  }

  /** Gives a buffer back. One-way. */
  record FreeBuffer(long buffer) implements RpcRequest {
    @Override
    public void encode(ByteBuffer out) {
      out.putLong(buffer);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.FREE_BUFFER;
    }
  }

  /** Fills a buffer. One-way. */
  record BufferClear(long buffer, byte value) implements RpcRequest {
    static BufferClear decode(ByteBuffer in) {
      return new BufferClear(in.getLong(), in.get());
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putLong(buffer).put(value);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.BUFFER_CLEAR;
    }
  }

  /**
   * Writes into a tensor. One-way; the data follows and is not held.
   *
   * @param cache whether a server with a file cache is asked to keep the data
   * @param offset first byte in the tensor
   * @param dataBytes bytes that follow
   */
  record SetTensor(RpcTensor tensor, boolean cache, long offset, long dataBytes)
      implements RpcRequest {
    static SetTensor decode(ByteBuffer in, long payloadBytes) {
      RpcTensor tensor = RpcTensor.decode(in);
      boolean cache = in.get() != 0;
      long offset = in.getLong();
      long dataBytes = payloadBytes - RpcCommand.SET_TENSOR.requestBytes();
      tensor.requireRange(offset, dataBytes);
      return new SetTensor(tensor, cache, offset, dataBytes);
    }

    @Override
    public void encode(ByteBuffer out) {
      tensor.encode(out);
      out.put((byte) (cache ? 1 : 0)).putLong(offset);
    }

    @Override
    public long payloadBytes() {
      return Math.addExact(command().requestBytes(), dataBytes);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.SET_TENSOR;
    }
  }

  /** Asks whether the server has the data of this hash ({@link Fnv1a}) and if so to write it. */
  record SetTensorHash(RpcTensor tensor, long offset, long hash) implements RpcRequest {
    static SetTensorHash decode(ByteBuffer in) {
      RpcTensor tensor = RpcTensor.decode(in);
      long offset = in.getLong();
      tensor.requireRange(offset, 0);
      return new SetTensorHash(tensor, offset, in.getLong());
    }

    @Override
    public void encode(ByteBuffer out) {
      tensor.encode(out);
      out.putLong(offset).putLong(hash);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.SET_TENSOR_HASH;
    }
  }

  /** Reads {@code size} bytes of a tensor. */
  record GetTensor(RpcTensor tensor, long offset, long size) implements RpcRequest {
    static GetTensor decode(ByteBuffer in) {
      RpcTensor tensor = RpcTensor.decode(in);
      long offset = in.getLong();
      long size = in.getLong();
      tensor.requireRange(offset, size);
      return new GetTensor(tensor, offset, size);
    }

    @Override
    public void encode(ByteBuffer out) {
      tensor.encode(out);
      out.putLong(offset).putLong(size);
    }

    @Override
    public long responseBytes() {
      return size;
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.GET_TENSOR;
    }
  }

  /** Copies the raw bytes of one tensor over another that is at least as large. */
  record CopyTensor(RpcTensor source, RpcTensor destination) implements RpcRequest {
    static CopyTensor decode(ByteBuffer in) {
      RpcTensor source = RpcTensor.decode(in);
      RpcTensor destination = RpcTensor.decode(in);
      destination.requireRange(0, source.byteSize());
      return new CopyTensor(source, destination);
    }

    @Override
    public void encode(ByteBuffer out) {
      source.encode(out);
      destination.encode(out);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.COPY_TENSOR;
    }
  }

  /** Computes a graph, and stores it under its uid unless that is 0. One-way. */
  record GraphCompute(int device, long uid, ComputeGraph graph) implements RpcRequest {
    /** Bytes before the graph's own: device and uid. */
    public static final int HEAD_BYTES = 12;

    static GraphCompute decode(ByteBuffer in, long payloadBytes) {
      int device = in.getInt();
      long uid = in.getLong();
      byte[] graph = new byte[Math.toIntExact(payloadBytes - HEAD_BYTES)];
      in.get(graph);
      return new GraphCompute(
          device, uid, ComputeGraph.decode(graph, Integer.MAX_VALUE, Integer.MAX_VALUE));
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putInt(device).putLong(uid);
    }

    @Override
    public long payloadBytes() {
      return HEAD_BYTES + graph.encodedBytes();
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.GRAPH_COMPUTE;
    }
  }

  /** Asks for free and total memory of a device. */
  record GetDeviceMemory(int device) implements RpcRequest {
    @Override
    public void encode(ByteBuffer out) {
      out.putInt(device);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.GET_DEVICE_MEMORY;
    }
  }

  /** Lets a device prepare the padding behind a quantized tensor. One-way. */
  record InitTensor(RpcTensor tensor) implements RpcRequest {
    @Override
    public void encode(ByteBuffer out) {
      tensor.encode(out);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.INIT_TENSOR;
    }
  }

  /**
   * Asks how much memory a result needs.
   *
   * @param sources always 10; {@link RpcTensor#isNull} where there is none
   */
  record GetAllocSize(int device, RpcTensor tensor, List<RpcTensor> sources) implements RpcRequest {
    public GetAllocSize {
      sources = List.copyOf(sources);
      if (sources.size() != RpcTensor.MAX_SOURCES) {
        throw new IllegalArgumentException(
            "GET_ALLOC_SIZE has 10 operands, RpcTensor.none() where there is none, not "
                + sources.size());
      }
    }

    static GetAllocSize decode(ByteBuffer in) {
      int device = in.getInt();
      RpcTensor tensor = sizedTensor(in);
      MessageFields.requireKnownOp(tensor);
      List<RpcTensor> sources = List.of(RpcTensor.decode(in, RpcTensor.MAX_SOURCES));
      for (RpcTensor source : sources) {
        if (!source.isNull()) {
          requireSized(source);
        }
      }
      return new GetAllocSize(device, tensor, sources);
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putInt(device);
      tensor.encode(out);
      sources.forEach(source -> source.encode(out));
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.GET_ALLOC_SIZE;
    }
  }

  /** The first message of every connection. */
  record Hello(Capabilities capabilities) implements RpcRequest {
    @Override
    public void encode(ByteBuffer out) {
      capabilities.encode(out);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.HELLO;
    }
  }

  /** Asks how many devices there are. */
  record DeviceCount() implements RpcRequest {
    @Override
    public void encode(ByteBuffer out) {}

    @Override
    public RpcCommand command() {
      return RpcCommand.DEVICE_COUNT;
    }
  }

  /** Computes a stored graph again. One-way. */
  record GraphRecompute(int device, long uid) implements RpcRequest {
    static GraphRecompute decode(ByteBuffer in) {
      return new GraphRecompute(in.getInt(), in.getLong());
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putInt(device).putLong(uid);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.GRAPH_RECOMPUTE;
    }
  }

  /** Fills a range of a tensor. One-way. */
  record MemsetTensor(RpcTensor tensor, long offset, long size, byte value) implements RpcRequest {
    static MemsetTensor decode(ByteBuffer in) {
      RpcTensor tensor = RpcTensor.decode(in);
      long offset = in.getLong();
      long size = in.getLong();
      tensor.requireRange(offset, size);
      return new MemsetTensor(tensor, offset, size, in.get());
    }

    @Override
    public void encode(ByteBuffer out) {
      tensor.encode(out);
      out.putLong(offset).putLong(size).put(value);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.MEMSET_TENSOR;
    }
  }

  /**
   * Writes pieces at equal distances, in order, so that later ones win. One-way; the data follows
   * with the pieces back to back.
   *
   * @param stride distance of pieces in the tensor, which may be less than {@code pieceBytes}
   */
  record SetTensor2d(RpcTensor tensor, long offset, long pieceBytes, long pieces, long stride)
      implements RpcRequest {
    static SetTensor2d decode(ByteBuffer in, long payloadBytes) {
      RpcTensor tensor = RpcTensor.decode(in);
      long offset = in.getLong();
      long pieceBytes = in.getLong();
      long pieces = in.getLong();
      long stride = in.getLong();
      long total = requirePieces(tensor, offset, pieceBytes, pieces, stride);
      requireDataBytes(
          RpcCommand.SET_TENSOR_2D, payloadBytes - RpcCommand.SET_TENSOR_2D.requestBytes(), total);
      return new SetTensor2d(tensor, offset, pieceBytes, pieces, stride);
    }

    /** Bytes that follow. */
    public long dataBytes() {
      return Math.multiplyExact(pieceBytes, pieces);
    }

    @Override
    public void encode(ByteBuffer out) {
      tensor.encode(out);
      out.putLong(offset).putLong(pieceBytes).putLong(pieces).putLong(stride);
    }

    @Override
    public long payloadBytes() {
      return Math.addExact(command().requestBytes(), dataBytes());
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.SET_TENSOR_2D;
    }
  }

  /** Reads pieces at equal distances; the answer has them back to back. */
  record GetTensor2d(RpcTensor tensor, long offset, long pieceBytes, long pieces, long stride)
      implements RpcRequest {
    static GetTensor2d decode(ByteBuffer in) {
      GetTensor2d request =
          new GetTensor2d(
              RpcTensor.decode(in), in.getLong(), in.getLong(), in.getLong(), in.getLong());
      requirePieces(
          request.tensor, request.offset, request.pieceBytes, request.pieces, request.stride);
      return request;
    }

    @Override
    public void encode(ByteBuffer out) {
      tensor.encode(out);
      out.putLong(offset).putLong(pieceBytes).putLong(pieces).putLong(stride);
    }

    @Override
    public long responseBytes() {
      return Math.multiplyExact(pieceBytes, pieces);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.GET_TENSOR_2D;
    }
  }

  /**
   * Joins two servers for reductions. Values out of range are answered with 0, not refused.
   *
   * @param port where rank 0 listens
   * @param host of rank 0, empty for rank 0 itself; at most 63 bytes
   */
  record CommInit(int device, int rank, int world, int port, String host) implements RpcRequest {
    private static final int HOST_BYTES = 64;

    static CommInit decode(ByteBuffer in) {
      return new CommInit(
          in.getInt(),
          in.getInt(),
          in.getInt(),
          in.getInt(),
          MessageFields.decodeText(in, HOST_BYTES));
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putInt(device).putInt(rank).putInt(world).putInt(port);
      MessageFields.encodeText(out, HOST_BYTES, host);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.COMM_INIT;
    }
  }

  /** Adds the peer's tensor to this one. One-way. */
  record CommAllreduce(int device, RpcTensor tensor) implements RpcRequest {
    static CommAllreduce decode(ByteBuffer in) {
      return new CommAllreduce(in.getInt(), sizedTensor(in));
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putInt(device);
      tensor.encode(out);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.COMM_ALLREDUCE;
    }
  }

  /** Leaves the communicator. One-way. */
  record CommFree(int device) implements RpcRequest {
    @Override
    public void encode(ByteBuffer out) {
      out.putInt(device);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.COMM_FREE;
    }
  }
}
