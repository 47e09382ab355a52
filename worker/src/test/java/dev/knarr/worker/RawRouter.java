// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.Capabilities;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RouteTerms;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.Varint;
import dev.knarr.rpc.tensor.CompactGraph;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A router, or another worker, that says what a test wants it to say, sense or nonsense. */
final class RawRouter implements AutoCloseable {
  private static final long X = 0;
  private static final long Y = 1024;
  private static final long SUM = 2048;
  private static final long SUM_BYTES = 4096;

  private final RawClient client;
  private final Optional<RouteTerms> granted;
  private final RouteResponse.@Nullable Welcome welcome;

  private RawRouter(int port, Capabilities capabilities) throws IOException {
    client = RawClient.silent(port);
    granted = RouteTerms.of(client.channel().hello(capabilities).capabilities());
    boolean agreed = granted.isPresent();
    if (agreed) {
      client.channel().speakToWorker();
    }
    welcome =
        agreed && granted.get().role() == RouteTerms.Role.ROUTER
            ? (RouteResponse.Welcome) Objects.requireNonNull(client.channel().next()).response()
            : null;
  }

  /** A router that asks for all there is. */
  static RawRouter to(int port) throws IOException {
    return new RawRouter(port, RouteTerms.router(RouteFeature.all()).capabilities());
  }

  /** Another worker, that comes for a link of a session. */
  static RawRouter peer(int port, int link, long token) throws IOException {
    return new RawRouter(port, RouteTerms.peer(link, token).capabilities());
  }

  /** Has a session ended. */
  static void end(int port, long token) throws IOException {
    try (var end = new RawRouter(port, RouteTerms.end(token).capabilities())) {
      end.client.awaitClosed();
    }
  }

  /** The client behind it, which speaks the public commands in the router's framing. */
  RawClient client() {
    return client;
  }

  /** What the worker has agreed to; empty when it does not know the session. */
  Optional<RouteTerms> granted() {
    return granted;
  }

  long token() {
    return granted.orElseThrow().token();
  }

  RouteResponse.Welcome welcome() {
    return Objects.requireNonNull(welcome);
  }

  /** Sends a request, and whatever is said to be its data. */
  void send(RouteRequest request, byte... data) throws IOException {
    client.channel().send(request);
    client.channel().sendData(ByteBuffer.wrap(data));
    client.channel().flush();
  }

  /** A delta that makes these bytes of nothing. */
  static byte[] raw(byte... bytes) {
    var steps = ByteBuffer.allocate(Varint.MAX_BYTES + bytes.length);
    Varint.put(steps, (long) bytes.length << 2);
    return taken(steps.put(bytes));
  }

  /** A delta that makes so many zeros of nothing. */
  static byte[] zeros(long bytes) {
    var steps = ByteBuffer.allocate(Varint.MAX_BYTES + Integer.BYTES);
    Varint.put(steps, bytes << 2 | 2);
    return taken(steps.putInt(0));
  }

  private static byte[] taken(ByteBuffer steps) {
    byte[] bytes = new byte[steps.flip().remaining()];
    steps.get(bytes);
    return bytes;
  }

  /** Names a content, and returns whether the worker keeps it. */
  boolean graph(int name, byte... content) throws IOException {
    byte[] steps = raw(content);
    send(new RouteRequest.Graph(name, 0, content.length, steps.length), steps);
    return client.channel().receive(RouteResponse.GraphKept.class).kept();
  }

  boolean link(int link, long token, int port, String host) throws IOException {
    send(new RouteRequest.Link(link, token, port, host));
    return client.channel().receive(RouteResponse.Linked.class).ok();
  }

  byte[] read(Range range) throws IOException {
    send(new RouteRequest.Read(range));
    byte[] bytes = new byte[(int) client.channel().receive(RpcResponse.TensorData.class).bytes()];
    client.channel().receiveData(ByteBuffer.wrap(bytes));
    return bytes;
  }

  /** Room for a graph of {@link #sumIn}. */
  RawClient.Buffer sumBuffer(int device) throws IOException {
    return client.allocate(device, SUM_BYTES);
  }

  /** The compact form of a graph that adds two numbers of a buffer. */
  byte[] sumIn(RawClient.Buffer buffer) {
    var x = client.f32(buffer, X, 1, 1).build();
    var y = client.f32(buffer, Y, 1, 1).build();
    var sum =
        client
            .f32(buffer, SUM, 1, 1)
            .op(TensorOp.ADD)
            .flags(RpcTensor.FLAG_COMPUTE)
            .source(0, x.id())
            .source(1, y.id())
            .build();
    var graph = ComputeGraph.of(new long[] {sum.id()}, List.of(x, y, sum));
    return CompactGraph.of(graph, _ -> buffer.base()).bytes();
  }

  /** Adds two numbers by slots and a named graph: whether this router is still served. */
  void requireServed(int device) throws IOException {
    var buffer = sumBuffer(device);
    byte[] three = {0, 0, 0x40, 0x40};
    byte[] steps = raw(three);
    send(new RouteRequest.Slot(1, buffer.handle(), X, 4, steps.length), steps);
    send(new RouteRequest.Put(buffer.handle(), Y, 4, steps.length), steps);
    assertThat(graph(1, sumIn(buffer))).isTrue();
    send(new RouteRequest.Bind(1, device, 1, List.of(buffer.handle())));
    byte[] six = {0, 0, (byte) 0xc0, 0x40};
    assertThat(read(new Range(buffer.handle(), SUM, 4))).isEqualTo(six);
    send(new RouteRequest.Write(1, 0));
    send(new RouteRequest.Compute(1));
    assertThat(read(new Range(buffer.handle(), SUM, 4))).isEqualTo(six);
    client.free(buffer);
  }

  @Override
  public void close() throws IOException {
    client.close();
  }
}
