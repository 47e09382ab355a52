// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.rpc.Fnv1a;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RouteTerms;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.RpcResponse.AllocatedBuffer;
import dev.knarr.rpc.RpcResponse.DeviceMemory;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** A router that says what a test wants it to say. */
final class RouterClient implements AutoCloseable {
  private static final String HOST = "127.0.0.1";

  private final RpcClientChannel channel;
  private final Set<RouteFeature> features;

  private RouterClient(int port, String from, Transport transport) throws IOException {
    var socket = SocketChannel.open();
    socket.bind(new InetSocketAddress(InetAddress.ofLiteral(from), 0));
    socket.connect(new InetSocketAddress(InetAddress.ofLiteral(HOST), port));
    socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
    channel =
        RpcClientChannel.over(
            transport.connected(socket, HOST, port), WireLimits.defaults(), FrameMeter.NONE);
    var accepted = channel.hello(RouteTerms.router(RouteFeature.all()).capabilities());
    features = RouteTerms.of(accepted.capabilities()).orElseThrow().features();
    channel.speakToWorker();
    receive(RouteResponse.Welcome.class);
  }

  /** A router that comes from this machine's usual address. */
  static RouterClient to(int port) throws IOException {
    return from(HOST, port);
  }

  /** A router with an address of its own. */
  static RouterClient from(String address, int port) throws IOException {
    return new RouterClient(port, address, Transport.PLAIN);
  }

  /** A router that shows a certificate. */
  static RouterClient by(Transport transport, int port) throws IOException {
    return new RouterClient(port, HOST, transport);
  }

  Set<RouteFeature> features() {
    return features;
  }

  RpcClientChannel channel() {
    return channel;
  }

  void send(RpcRequest request) throws IOException {
    channel.send(request);
    channel.flush();
  }

  <R extends RpcResponse> R ask(RpcRequest request, Class<R> type) throws IOException {
    send(request);
    return receive(type);
  }

  private <R extends RpcResponse> R receive(Class<R> type) throws IOException {
    return type.cast(Objects.requireNonNull(channel.next(), "closed").response());
  }

  /** Handle of a new buffer. */
  long allocate(long bytes) throws IOException {
    var buffer = ask(new RpcRequest.AllocBuffer(0, bytes), AllocatedBuffer.class);
    return buffer.buffer();
  }

  long address(long buffer) throws IOException {
    return ask(new RpcRequest.BufferGetBase(buffer), RpcResponse.BufferBase.class).address();
  }

  boolean isAdopted(long buffer) throws IOException {
    return ask(new RouteRequest.Adopted(buffer), RouteResponse.Adopted.class).adopted();
  }

  boolean offer(long buffer, long offset, byte[] weights) throws IOException {
    var offer = new RouteRequest.Offer(range(buffer, offset, weights), Fnv1a.hash(weights));
    return ask(offer, RouteResponse.Offered.class).known();
  }

  void load(long buffer, long offset, byte[] weights) throws IOException {
    channel.send(new RouteRequest.Weights(range(buffer, offset, weights), Fnv1a.hash(weights)));
    channel.sendData(ByteBuffer.wrap(weights));
    channel.flush();
  }

  private static Range range(long buffer, long offset, byte[] weights) {
    return new Range(buffer, offset, weights.length);
  }

  byte[] read(long buffer, long offset, int bytes) throws IOException {
    send(new RouteRequest.Read(new Range(buffer, offset, bytes)));
    receive(RpcResponse.TensorData.class);
    var data = ByteBuffer.allocate(bytes);
    channel.receiveData(data);
    return data.array();
  }

  void compute(List<Long> nodes, List<RpcTensor> tensors) throws IOException {
    byte[] frame = Frames.graph(0, 0, nodes, tensors);
    byte[] graph = Arrays.copyOfRange(frame, 9 + 12, frame.length);
    var limits = WireLimits.defaults();
    send(
        new RpcRequest.GraphCompute(
            0, 0, ComputeGraph.decode(graph, limits.maxGraphNodes(), limits.maxGraphTensors())));
  }

  long freeBytes() throws IOException {
    return ask(new RpcRequest.GetDeviceMemory(0), DeviceMemory.class).free();
  }

  /** Whether the worker has ended the connection. */
  boolean isEnded() {
    try {
      return channel.next() == null;
    } catch (IOException e) {
      return true; // A reset, since something of ours was not read.
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
