// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.nio.ByteBuffer;

/**
 * What a server answers. A response names no command on the wire: it belongs to the oldest request
 * without an answer. Handles and addresses are opaque {@code long}s, byte counts are unsigned.
 */
public sealed interface RpcResponse
    permits RpcResponse.AllocatedBuffer,
        RpcResponse.Alignment,
        RpcResponse.MaxSize,
        RpcResponse.BufferBase,
        RpcResponse.TensorHashed,
        RpcResponse.TensorData,
        RpcResponse.TensorCopied,
        RpcResponse.DeviceMemory,
        RpcResponse.AllocSize,
        RpcResponse.HelloAccepted,
        RpcResponse.DeviceCounted,
        RpcResponse.CommInitialized,
        RouteResponse {
  /** Whether this is the kind of answer the command has. */
  boolean answers(RpcCommand command);

  /** Puts the payload into a little-endian buffer; streamed data follows it. */
  void encode(ByteBuffer out);

  /** Payload bytes of the frame, streamed data included. */
  long payloadBytes();

  /**
   * Decodes the payload of an answer whose length has been checked against the request.
   *
   * @param payload little-endian; streamed data need not be there
   * @param payloadBytes the frame's announced length
   * @throws IllegalArgumentException when the command has no answer
   */
  static RpcResponse decode(RpcCommand command, ByteBuffer payload, long payloadBytes) {
    return switch (command) {
      case ALLOC_BUFFER -> new AllocatedBuffer(payload.getLong(), payload.getLong());
      case GET_ALIGNMENT -> new Alignment(payload.getLong());
      case GET_MAX_SIZE -> new MaxSize(payload.getLong());
      case BUFFER_GET_BASE -> new BufferBase(payload.getLong());
      case SET_TENSOR_HASH -> new TensorHashed(payload.get() != 0);
      case GET_TENSOR, GET_TENSOR_2D, ROUTE_READ -> new TensorData(payloadBytes);
      case COPY_TENSOR -> new TensorCopied(payload.get() != 0);
      case GET_DEVICE_MEMORY -> new DeviceMemory(payload.getLong(), payload.getLong());
      case GET_ALLOC_SIZE -> new AllocSize(payload.getLong());
      case HELLO -> HelloAccepted.decode(payload);
      case DEVICE_COUNT -> new DeviceCounted(payload.getInt());
      case COMM_INIT -> new CommInitialized(payload.get() != 0);
      case ROUTE_LINK -> new RouteResponse.Linked(payload.get() != 0);
      case ROUTE_OFFER -> new RouteResponse.Offered(payload.get() != 0);
      case ROUTE_ADOPTED -> new RouteResponse.Adopted(payload.get() != 0);
      case ROUTE_WELCOME -> RouteResponse.Welcome.decode(payload);
      case ROUTE_GRAPH -> new RouteResponse.GraphKept(payload.get() != 0);
      case FREE_BUFFER,
          BUFFER_CLEAR,
          SET_TENSOR,
          GRAPH_COMPUTE,
          INIT_TENSOR,
          GRAPH_RECOMPUTE,
          MEMSET_TENSOR,
          SET_TENSOR_2D,
          COMM_ALLREDUCE,
          COMM_FREE,
          ROUTE_PUT,
          ROUTE_SLOT,
          ROUTE_WRITE,
          ROUTE_FORGET_SLOT,
          ROUTE_BIND,
          ROUTE_COMPUTE,
          ROUTE_FORGET_GRAPH,
          ROUTE_COPY,
          ROUTE_PUSH,
          ROUTE_PULL,
          ROUTE_TENSOR,
          ROUTE_WEIGHTS ->
          throw new IllegalArgumentException(command + " is one-way and has no answer");
    };
  }

  /** Handle and size of a new buffer; both 0 when it could not be had. */
  record AllocatedBuffer(long buffer, long size) implements RpcResponse {
    /** The answer to a request that cannot be met. */
    public static final AllocatedBuffer FAILED = new AllocatedBuffer(0, 0);

    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.ALLOC_BUFFER;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putLong(buffer).putLong(size);
    }

    @Override
    public long payloadBytes() {
      return 16;
    }
  }

  /** Alignment of tensors, a power of two. */
  record Alignment(long bytes) implements RpcResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.GET_ALIGNMENT;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putLong(bytes);
    }

    @Override
    public long payloadBytes() {
      return 8;
    }
  }

  /** Largest buffer of a device; -1, all bits set, for no limit. */
  record MaxSize(long bytes) implements RpcResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.GET_MAX_SIZE;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putLong(bytes);
    }

    @Override
    public long payloadBytes() {
      return 8;
    }
  }

  /** Address at which a buffer begins, a multiple of the alignment. */
  record BufferBase(long address) implements RpcResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.BUFFER_GET_BASE;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putLong(address);
    }

    @Override
    public long payloadBytes() {
      return 8;
    }
  }

  /** Whether the data was found and written. */
  record TensorHashed(boolean found) implements RpcResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.SET_TENSOR_HASH;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.put((byte) (found ? 1 : 0));
    }

    @Override
    public long payloadBytes() {
      return 1;
    }
  }

  /** The head of an answer whose data is streamed after it. */
  record TensorData(long bytes) implements RpcResponse {
    public TensorData {
      if (bytes < 0) {
        throw new IllegalArgumentException("An answer cannot have " + bytes + " bytes");
      }
    }

    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.GET_TENSOR
          || command == RpcCommand.GET_TENSOR_2D
          || command == RpcCommand.ROUTE_READ;
    }

    @Override
    public void encode(ByteBuffer out) {}

    @Override
    public long payloadBytes() {
      return bytes;
    }
  }

  /** Whether the server copied; if not, the client does it by reading and writing. */
  record TensorCopied(boolean done) implements RpcResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.COPY_TENSOR;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.put((byte) (done ? 1 : 0));
    }

    @Override
    public long payloadBytes() {
      return 1;
    }
  }

  /** Bytes of memory of a device. */
  record DeviceMemory(long free, long total) implements RpcResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.GET_DEVICE_MEMORY;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putLong(free).putLong(total);
    }

    @Override
    public long payloadBytes() {
      return 16;
    }
  }

  /** Bytes to reserve for a result. */
  record AllocSize(long bytes) implements RpcResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.GET_ALLOC_SIZE;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putLong(bytes);
    }

    @Override
    public long payloadBytes() {
      return 8;
    }
  }

  /** The version the server speaks; the client decides whether it fits. */
  record HelloAccepted(ProtocolVersion version, Capabilities capabilities) implements RpcResponse {
    static HelloAccepted decode(ByteBuffer in) {
      ProtocolVersion version =
          new ProtocolVersion(in.get() & 0xff, in.get() & 0xff, in.get() & 0xff);
      in.get(); // padding that clients do not look at
      return new HelloAccepted(version, Capabilities.decode(in));
    }

    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.HELLO;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.put((byte) version.major()).put((byte) version.minor()).put((byte) version.patch());
      out.put((byte) 0);
      capabilities.encode(out);
    }

    @Override
    public long payloadBytes() {
      return 28;
    }
  }

  /** Number of devices, negative from 2^31 on. */
  record DeviceCounted(int count) implements RpcResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.DEVICE_COUNT;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.putInt(count);
    }

    @Override
    public long payloadBytes() {
      return 4;
    }
  }

  /** Whether the server joined the communicator; if not, the client does without. */
  record CommInitialized(boolean ok) implements RpcResponse {
    @Override
    public boolean answers(RpcCommand command) {
      return command == RpcCommand.COMM_INIT;
    }

    @Override
    public void encode(ByteBuffer out) {
      out.put((byte) (ok ? 1 : 0));
    }

    @Override
    public long payloadBytes() {
      return 1;
    }
  }
}
