// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.RpcTensorBuilder;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.util.List;

/** A client of a router that says what a test wants it to say, sense or nonsense. */
final class PlainClient implements AutoCloseable {
  private final SocketChannel socket;
  private final RpcClientChannel channel;
  private long nextId = 1;

  /** A buffer as the client knows it. */
  record Buffer(long handle, long base) {}

  private PlainClient(HeadRouter router) throws IOException {
    String[] address = router.address().split(":", 2);
    socket = SocketChannel.open(new InetSocketAddress(address[0], Integer.parseInt(address[1])));
    socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
    channel = RpcClientChannel.over(socket, WireLimits.defaults(), FrameMeter.NONE);
  }

  /** Connects without a word. */
  static PlainClient silent(HeadRouter router) throws IOException {
    return new PlainClient(router);
  }

  /** Connects and says HELLO. */
  static PlainClient of(HeadRouter router) throws IOException {
    var client = new PlainClient(router);
    client.channel.hello();
    return client;
  }

  void send(RpcRequest request, byte... data) throws IOException {
    channel.send(request);
    channel.sendData(ByteBuffer.wrap(data));
    channel.flush();
  }

  void sendBytes(byte[] bytes) throws IOException {
    channel.flush();
    var left = ByteBuffer.wrap(bytes);
    while (left.hasRemaining()) {
      socket.write(left);
    }
  }

  <R extends RpcResponse> R ask(RpcRequest request, Class<R> type) throws IOException {
    channel.send(request);
    return channel.receive(type);
  }

  Buffer allocate(int device, long bytes) throws IOException {
    long handle =
        ask(new RpcRequest.AllocBuffer(device, bytes), RpcResponse.AllocatedBuffer.class).buffer();
    return new Buffer(
        handle, ask(new RpcRequest.BufferGetBase(handle), RpcResponse.BufferBase.class).address());
  }

  /** A row of numbers at an offset of a buffer. */
  RpcTensorBuilder row(Buffer buffer, long offset, long numbers) {
    return RpcTensor.builder()
        .id(nextId++)
        .type(TensorType.F32.code())
        .shape(TensorShape.contiguous(TensorType.F32, numbers, 1, 1, 1))
        .buffer(buffer.handle())
        .data(buffer.base() + offset);
  }

  /** The graph that adds the first two numbers of a buffer of 4 KiB. */
  ComputeGraph sumOf(Buffer buffer) {
    return sumOf(buffer, 1);
  }

  private ComputeGraph sumOf(Buffer buffer, long numbers) {
    var x = row(buffer, 0, numbers).build();
    var y = row(buffer, 1024, numbers).build();
    var sum =
        row(buffer, 2048, numbers)
            .op(TensorOp.ADD)
            .flags(RpcTensor.FLAG_COMPUTE)
            .source(0, x.id())
            .source(1, y.id())
            .build();
    return ComputeGraph.of(new long[] {sum.id()}, List.of(x, y, sum));
  }

  /** Adds two numbers on a device by a graph that is named: whether it is still served, rightly. */
  float sum(int device, float a, float b) throws IOException {
    return sum(device, 1, a, b);
  }

  /** As {@link #sum(int, float, float)}, by a graph over rows of so many numbers. */
  float sum(int device, long numbers, float a, float b) throws IOException {
    var buffer = allocate(device, 4096);
    var graph = sumOf(buffer, numbers);
    write(graph.tensor(0), a);
    write(graph.tensor(1), b);
    send(new RpcRequest.GraphCompute(device, nextId, graph));
    float first = read(graph.tensor(2));
    send(new RpcRequest.GraphRecompute(device, nextId));
    float second = read(graph.tensor(2));
    send(new RpcRequest.FreeBuffer(buffer.handle()));
    // Freeing has no answer; what comes behind it has.
    ask(new RpcRequest.DeviceCount(), RpcResponse.DeviceCounted.class);
    return first == second ? first : Float.NaN;
  }

  private void write(RpcTensor tensor, float value) throws IOException {
    var data = ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN).putFloat(value);
    send(new RpcRequest.SetTensor(tensor, false, 0, Float.BYTES), data.array());
  }

  private float read(RpcTensor tensor) throws IOException {
    ask(new RpcRequest.GetTensor(tensor, 0, Float.BYTES), RpcResponse.TensorData.class);
    var data = ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    channel.receiveData(data);
    return data.getFloat(0);
  }

  /** Reads what still comes until the connection is closed, at most 60 s. */
  void awaitClosed() throws IOException {
    socket.socket().setSoTimeout(60_000);
    var rest = socket.socket().getInputStream();
    try {
      while (rest.read() >= 0) {
        // An answer to something earlier.
      }
    } catch (SocketTimeoutException e) {
      throw new AssertionError("The router has not closed the connection after 60 s", e);
    } catch (SocketException e) {
      // Closed with data of ours unread, which TCP reports as a reset.
    }
  }

  /** Drops the connection as a crash would. */
  void reset() throws IOException {
    socket.setOption(StandardSocketOptions.SO_LINGER, 0);
    socket.close();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
