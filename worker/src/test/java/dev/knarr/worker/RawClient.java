// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.RpcTensorBuilder;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;

/** A client that says what a test wants it to say, sense or nonsense. */
final class RawClient implements AutoCloseable {
  private final SocketChannel socket;
  private final RpcClientChannel channel;
  private long nextId = 1;

  /** A buffer as the client knows it. */
  record Buffer(long handle, long base, long size) {}

  private RawClient(int port, String host, Transport transport) throws IOException {
    socket = SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
    try {
      channel =
          RpcClientChannel.over(
              transport.connected(socket, host, port), WireLimits.defaults(), FrameMeter.NONE);
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /** Connects without a word. */
  static RawClient silent(int port) throws IOException {
    return new RawClient(port, "127.0.0.1", Transport.PLAIN);
  }

  /** Connects and says HELLO. */
  static RawClient to(int port) throws IOException {
    return to(port, "127.0.0.1", Transport.PLAIN);
  }

  /** Connects by a host's name and some transport, and says HELLO. */
  static RawClient to(int port, String host, Transport transport) throws IOException {
    var client = new RawClient(port, host, transport);
    try {
      client.channel.hello();
      return client;
    } catch (IOException | RuntimeException e) {
      client.close();
      throw e;
    }
  }

  RpcClientChannel channel() {
    return channel;
  }

  /** Sends bytes as they are, behind all that was sent before. */
  void sendBytes(byte[] bytes) throws IOException {
    channel.flush();
    var left = ByteBuffer.wrap(bytes);
    while (left.hasRemaining()) {
      socket.write(left);
    }
  }

  /** Says that nothing more will come. */
  void endSending() throws IOException {
    channel.flush();
    socket.shutdownOutput();
  }

  /** Drops the connection as a crashed machine would: with a reset, and all data in flight lost. */
  void reset() throws IOException {
    socket.setOption(StandardSocketOptions.SO_LINGER, 0);
    socket.close();
  }

  /** Reads what the server still sends until it closes the connection, at most 60 s. */
  void awaitClosed() throws IOException {
    socket.socket().setSoTimeout(60_000);
    var rest = socket.socket().getInputStream();
    try {
      while (rest.read() >= 0) {
        // An answer to something earlier.
      }
    } catch (SocketTimeoutException e) {
      throw new AssertionError("The server has not closed the connection after 60 s", e);
    } catch (SocketException e) {
      // Closed with data of ours unread, which TCP reports as a reset.
    }
  }

  Buffer allocate(int device, long size) throws IOException {
    channel.send(new RpcRequest.AllocBuffer(device, size));
    var allocated = channel.receive(RpcResponse.AllocatedBuffer.class);
    channel.send(new RpcRequest.BufferGetBase(allocated.buffer()));
    long base = channel.receive(RpcResponse.BufferBase.class).address();
    return new Buffer(allocated.buffer(), base, allocated.size());
  }

  /** A contiguous F32 tensor at an offset of a buffer. */
  RpcTensorBuilder f32(Buffer buffer, long offset, long ne0, long ne1) {
    return tensor(TensorType.F32, buffer, offset, ne0, ne1);
  }

  RpcTensorBuilder tensor(TensorType type, Buffer buffer, long offset, long ne0, long ne1) {
    return RpcTensor.builder()
        .id(nextId())
        .type(type.code())
        .shape(TensorShape.contiguous(type, ne0, ne1, 1, 1))
        .buffer(buffer.handle())
        .data(buffer.base() + offset);
  }

  long nextId() {
    return nextId++;
  }

  void free(Buffer buffer) throws IOException {
    channel.send(new RpcRequest.FreeBuffer(buffer.handle()));
    channel.flush();
  }

  void recompute(int device, long uid) throws IOException {
    channel.send(new RpcRequest.GraphRecompute(device, uid));
    channel.flush();
  }

  void write(RpcTensor tensor, ByteBuffer data) throws IOException {
    channel.send(new RpcRequest.SetTensor(tensor, false, 0, data.remaining()));
    channel.sendData(data);
  }

  void write(RpcTensor tensor, int... values) throws IOException {
    var data = ByteBuffer.allocate(values.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    data.asIntBuffer().put(values);
    write(tensor, data);
  }

  void write(RpcTensor tensor, float... values) throws IOException {
    var data = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    data.asFloatBuffer().put(values);
    write(tensor, data);
  }

  float[] read(RpcTensor tensor) throws IOException {
    var data = readBytes(tensor);
    float[] values = new float[data.remaining() / Float.BYTES];
    data.asFloatBuffer().get(values);
    return values;
  }

  /** Asks for a tensor without waiting for an answer. */
  void sendRead(RpcTensor tensor) throws IOException {
    channel.send(new RpcRequest.GetTensor(tensor, 0, tensor.byteSize()));
    channel.flush();
  }

  ByteBuffer readBytes(RpcTensor tensor) throws IOException {
    channel.send(new RpcRequest.GetTensor(tensor, 0, tensor.byteSize()));
    long bytes = channel.receive(RpcResponse.TensorData.class).bytes();
    var data = ByteBuffer.allocate((int) bytes).order(ByteOrder.LITTLE_ENDIAN);
    channel.receiveData(data);
    return data.flip();
  }

  /** Computes one node with all that it needs. */
  void compute(int device, long uid, RpcTensor node, RpcTensor... others) throws IOException {
    var tensors = new ArrayList<>(List.of(others));
    tensors.add(node);
    channel.send(
        new RpcRequest.GraphCompute(device, uid, ComputeGraph.of(new long[] {node.id()}, tensors)));
    channel.flush();
  }

  /** Adds two numbers on a device: whether this client is still served, and rightly. */
  float sum(int device, float a, float b) throws IOException {
    var buffer = allocate(device, 4096);
    var x = f32(buffer, 0, 1, 1).build();
    var y = f32(buffer, 1024, 1, 1).build();
    var sum =
        f32(buffer, 2048, 1, 1)
            .op(TensorOp.ADD.code())
            .flags(RpcTensor.FLAG_COMPUTE)
            .source(0, x.id())
            .source(1, y.id())
            .build();
    write(x, a);
    write(y, b);
    compute(device, 0, sum, x, y);
    float result = read(sum)[0];
    free(buffer);
    return result;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
