// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import static dev.knarr.rpc.Varint.getInt;
import static dev.knarr.rpc.Varint.getSize;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * What a router asks one of our workers beside the public commands, after both have agreed to it
 * ({@code docs/router-protocol.md}). Fields are {@link Varint}s unless said otherwise; buffers are
 * named by the worker's handles, places in them by offset. Names of slots, graphs, bindings and
 * links are the router's to choose, and small.
 */
public sealed interface RouteRequest extends RpcRequest {
  /** No message has more bytes before its data. */
  int MAX_HEAD_BYTES = 1024;

  /** The most buffers of a {@link Bind}. */
  int MAX_BUFFERS = 64;

  /** The most bytes of a slot, and of what a {@link Put} writes. */
  int MAX_PIECE_BYTES = 4 << 20;

  /** The most bytes of a graph's content; the largest models have some 200 KB. */
  int MAX_CONTENT_BYTES = 16 << 20;

  /** Bytes of data that follow the fields. */
  default long dataBytes() {
    return 0;
  }

  @Override
  default long payloadBytes() {
    ByteBuffer head = ByteBuffer.allocate(MAX_HEAD_BYTES);
    encode(head);
    return head.position() + dataBytes();
  }

  /**
   * Decodes the fields.
   *
   * @param in the payload, or as much of it as is not data; nothing behind the payload may be in it
   * @param payloadBytes of the frame
   */
  static RouteRequest decode(RpcCommand command, ByteBuffer in, long payloadBytes) {
    int start = in.position();
    RouteRequest request = decodeFields(command, in, () -> payloadBytes - (in.position() - start));
    long rest = payloadBytes - (in.position() - start) - request.dataBytes();
    if (rest != 0) {
      throw new RpcProtocolException(
          ProtocolFault.FRAME_SIZE, "%s has %d bytes too many".formatted(command, rest));
    }
    return request;
  }

  private static RouteRequest decodeFields(RpcCommand command, ByteBuffer in, LongSupplier rest) {
    return switch (command) {
      case ROUTE_PUT ->
          new Put(getSize(in, "buffer"), getSize(in, "offset"), piece(in), rest.getAsLong());
      case ROUTE_SLOT ->
          new Slot(
              getInt(in, "slot"),
              getSize(in, "buffer"),
              getSize(in, "offset"),
              piece(in),
              rest.getAsLong());
      case ROUTE_WRITE -> new Write(getInt(in, "slot"), rest.getAsLong());
      case ROUTE_FORGET_SLOT -> new ForgetSlot(getInt(in, "slot"));
      case ROUTE_GRAPH ->
          new Graph(
              getInt(in, "graph"),
              getInt(in, "base"),
              (int) Varint.get(in, "bytes of a graph", MAX_CONTENT_BYTES),
              rest.getAsLong());
      case ROUTE_BIND -> Bind.decode(in);
      case ROUTE_COMPUTE -> new Compute(getInt(in, "binding"));
      case ROUTE_FORGET_GRAPH -> new ForgetGraph(getInt(in, "graph"));
      case ROUTE_READ -> new Read(Range.decode(in));
      case ROUTE_COPY ->
          new Copy(Range.decode(in), getSize(in, "target buffer"), getSize(in, "target offset"));
      case ROUTE_LINK -> Link.decode(in);
      case ROUTE_PUSH -> new Push(getInt(in, "link"), Range.decode(in));
      case ROUTE_PULL -> new Pull(getInt(in, "link"), Range.decode(in));
      case ROUTE_TENSOR -> new Tensor(rest.getAsLong());
      case ROUTE_OFFER -> new Offer(Range.decode(in), hash(in));
      case ROUTE_WEIGHTS -> new Weights(Range.decode(in), hash(in));
      case ROUTE_ADOPTED -> new Adopted(getSize(in, "buffer"));
      default -> throw new IllegalArgumentException(command + " is no command of routers");
    };
  }

  private static int piece(ByteBuffer in) {
    return (int) Varint.get(in, "bytes of a piece", MAX_PIECE_BYTES);
  }

  private static long hash(ByteBuffer in) {
    if (in.remaining() < Long.BYTES) {
      throw new RpcProtocolException(ProtocolFault.FRAME_SIZE, "a message ends before its hash");
    }
    return in.getLong();
  }

  /** Some bytes of a buffer. */
  record Range(long buffer, long offset, long bytes) {
    static Range decode(ByteBuffer in) {
      return new Range(getSize(in, "buffer"), getSize(in, "offset"), getSize(in, "bytes"));
    }

    void encode(ByteBuffer out) {
      Varint.put(out, buffer);
      Varint.put(out, offset);
      Varint.put(out, bytes);
    }
  }

  /** Writes {@code bytes} bytes, which the data gives as a delta without a base. One-way. */
  record Put(long buffer, long offset, int bytes, long dataBytes) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      new Range(buffer, offset, bytes).encode(out);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_PUT;
    }
  }

  /**
   * Makes a slot for a range that is written often, replacing any of that name, and writes it: the
   * data is a delta without a base. One-way.
   */
  record Slot(int slot, long buffer, long offset, int bytes, long dataBytes)
      implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      Varint.put(out, slot);
      new Range(buffer, offset, bytes).encode(out);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_SLOT;
    }
  }

  /**
   * Writes a slot's range anew: the data is a delta from what the slot wrote last, and without data
   * nothing has changed. What has become of the range in device memory meanwhile plays no part.
   * One-way.
   */
  record Write(int slot, long dataBytes) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      Varint.put(out, slot);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_WRITE;
    }
  }

  /** Gives a slot's memory back. One-way. */
  record ForgetSlot(int slot) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      Varint.put(out, slot);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_FORGET_SLOT;
    }
  }

  /**
   * Names the content of a graph: {@code contentBytes} bytes of a {@code CompactGraph}, as a delta
   * from graph {@code base - 1}, or from nothing where that is 0. A worker without room for it says
   * so, and knows it for the next command only.
   */
  record Graph(int graph, int base, int contentBytes, long dataBytes) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      Varint.put(out, graph);
      Varint.put(out, base);
      Varint.put(out, contentBytes);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_GRAPH;
    }
  }

  /**
   * Names a graph over buffers of the worker, for a device, and computes it. The name ends with the
   * first of its buffers that is freed. One-way.
   *
   * @param buffers as many as the graph has, in its order
   */
  record Bind(int binding, int device, int graph, List<Long> buffers) implements RouteRequest {
    public Bind {
      buffers = List.copyOf(buffers);
    }

    static Bind decode(ByteBuffer in) {
      int binding = getInt(in, "binding");
      int device = getInt(in, "device");
      int graph = getInt(in, "graph");
      int count = (int) Varint.get(in, "number of buffers", MAX_BUFFERS);
      List<Long> buffers = new ArrayList<>(count);
      for (int i = 0; i < count; i++) {
        buffers.add(getSize(in, "buffer"));
      }
      return new Bind(binding, device, graph, buffers);
    }

    @Override
    public void encode(ByteBuffer out) {
      Varint.put(out, binding);
      Varint.put(out, device);
      Varint.put(out, graph);
      Varint.put(out, buffers.size());
      buffers.forEach(buffer -> Varint.put(out, buffer));
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_BIND;
    }
  }

  /** Computes a binding again. One-way. */
  record Compute(int binding) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      Varint.put(out, binding);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_COMPUTE;
    }
  }

  /** Ends a graph's name; its bindings must not be computed any more. One-way. */
  record ForgetGraph(int graph) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      Varint.put(out, graph);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_FORGET_GRAPH;
    }
  }

  /** Asks for bytes of a buffer, as they are when all before has been carried out. */
  record Read(Range range) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      range.encode(out);
    }

    @Override
    public long responseBytes() {
      return range.bytes;
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_READ;
    }
  }

  /** Copies bytes from one buffer to another of the same worker. One-way. */
  record Copy(Range source, long targetBuffer, long targetOffset) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      source.encode(out);
      Varint.put(out, targetBuffer);
      Varint.put(out, targetOffset);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_COPY;
    }
  }

  /**
   * Connects to another worker, for {@link Push}es to it.
   *
   * @param link the link's name on both sides, at most 65535
   * @param token the session there that has to take them, as it said in its HELLO (8 bytes)
   * @param port of that worker's RPC server
   * @param host where it is, for this worker; it is what its certificate must bear
   */
  record Link(int link, long token, int port, String host) implements RouteRequest {
    private static final int MAX_HOST_BYTES = 253;

    /** A peer says the link in two bytes of its HELLO. */
    private static final int MAX_LINK = 0xffff;

    static Link decode(ByteBuffer in) {
      int link = (int) Varint.get(in, "link", MAX_LINK);
      if (in.remaining() < Long.BYTES) {
        throw new RpcProtocolException(ProtocolFault.FRAME_SIZE, "ROUTE_LINK is too short");
      }
      long token = in.getLong();
      int port = (int) Varint.get(in, "port", 65535);
      byte[] host = new byte[(int) Varint.get(in, "bytes of a host", MAX_HOST_BYTES)];
      if (in.remaining() < host.length) {
        throw new RpcProtocolException(ProtocolFault.FRAME_SIZE, "ROUTE_LINK is too short");
      }
      in.get(host);
      return new Link(link, token, port, new String(host, StandardCharsets.ISO_8859_1));
    }

    @Override
    public void encode(ByteBuffer out) {
      byte[] bytes = host.getBytes(StandardCharsets.ISO_8859_1);
      if (bytes.length > MAX_HOST_BYTES) {
        throw new IllegalArgumentException("No host has a name of " + bytes.length + " bytes");
      }
      Varint.put(out, link);
      out.putLong(token);
      Varint.put(out, port);
      Varint.put(out, bytes.length);
      out.put(bytes);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_LINK;
    }
  }

  /** Sends bytes over a link when all before has been carried out. One-way. */
  record Push(int link, Range range) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      Varint.put(out, link);
      range.encode(out);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_PUSH;
    }
  }

  /** Takes the next bytes that come over a link; all that follows waits for them. One-way. */
  record Pull(int link, Range range) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      Varint.put(out, link);
      range.encode(out);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_PULL;
    }
  }

  /** From worker to worker: the bytes of one {@link Push}, for one {@link Pull}. One-way. */
  record Tensor(long dataBytes) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {}

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_TENSOR;
    }
  }

  /**
   * Asks whether the worker finds weights by their hash, and has them written where they belong. To
   * be repeated as {@link Weights} after a no.
   *
   * @param hash {@link Fnv1a} of the bytes (8 bytes)
   */
  record Offer(Range range, long hash) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      range.encode(out);
      out.putLong(hash);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_OFFER;
    }
  }

  /**
   * Weights: as many bytes of data as the range has. One-way.
   *
   * @param hash {@link Fnv1a} of the data (8 bytes), by which they can be offered again
   */
  record Weights(Range range, long hash) implements RouteRequest {
    @Override
    public long dataBytes() {
      return range.bytes;
    }

    @Override
    public void encode(ByteBuffer out) {
      range.encode(out);
      out.putLong(hash);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_WEIGHTS;
    }
  }

  /** Asks whether a buffer is one that was parked, so that offers are likely to be known. */
  record Adopted(long buffer) implements RouteRequest {
    @Override
    public void encode(ByteBuffer out) {
      Varint.put(out, buffer);
    }

    @Override
    public RpcCommand command() {
      return RpcCommand.ROUTE_ADOPTED;
    }
  }
}
