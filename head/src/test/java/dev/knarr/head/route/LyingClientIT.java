// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever a client says to the router, the worst that happens is the end of its connection. */
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LyingClientIT {
  private static final long NOBODYS = 77;

  private OurWorker first;
  private OurWorker second;
  private RouterOver over;
  private PlainClient witness;

  @BeforeAll
  void open() throws IOException {
    first = OurWorker.with("CPU");
    second = OurWorker.with("CPU");
    over = new RouterOver(first.port(), second.port());
    witness = PlainClient.of(over.router);
  }

  @AfterAll
  void close() throws IOException {
    witness.close();
    over.close();
    first.close();
    second.close();
    assertThat(first.allocatedBytes() + second.allocatedBytes()).as("bytes left").isZero();
  }

  /** What a client says. */
  @FunctionalInterface
  interface Lie {
    void tell(PlainClient client) throws IOException;
  }

  private static Arguments lie(String what, Lie lie) {
    return Arguments.of(Named.of(what, lie));
  }

  private static Arguments request(String what, RpcRequest request) {
    return lie(request.command() + " of " + what, client -> client.send(request));
  }

  /** A tensor in a buffer that this client does not have. */
  private static RpcTensor foreign() {
    return RpcTensor.builder().id(1).buffer(NOBODYS).data(4096).build();
  }

  /** What the router itself refuses. */
  static Stream<Arguments> lies() {
    return Stream.of(
        request("a device that does not exist", new RpcRequest.GetAlignment(2)),
        request("a device that does not exist", new RpcRequest.GetMaxSize(-1)),
        request("a device that does not exist", new RpcRequest.GetDeviceMemory(Integer.MAX_VALUE)),
        request("a device that does not exist", new RpcRequest.AllocBuffer(2, 64)),
        request("a device that does not exist", new RpcRequest.GraphRecompute(-1, 1)),
        request("a graph that was never sent", new RpcRequest.GraphRecompute(1, 99)),
        request("nobody's buffer", new RpcRequest.BufferGetBase(NOBODYS)),
        request("nobody's buffer", new RpcRequest.FreeBuffer(0)),
        request("nobody's buffer", new RpcRequest.BufferClear(-1, (byte) 0)),
        request("nobody's tensor", new RpcRequest.InitTensor(foreign())),
        request("nobody's tensor", new RpcRequest.SetTensor(foreign(), false, 0, 0)),
        request("nobody's tensor", new RpcRequest.SetTensorHash(foreign(), 0, 1)),
        request("nobody's tensor", new RpcRequest.MemsetTensor(foreign(), 0, 0, (byte) 1)),
        request("nobody's tensor", new RpcRequest.GetTensor(foreign(), 0, 0)),
        request("nobody's tensor", new RpcRequest.CopyTensor(foreign(), foreign())),
        request("what a router does not have", new RpcRequest.CommAllreduce(0, foreign())),
        request("what a router does not have", new RpcRequest.CommFree(0)),
        lie(
            "a buffer that is freed twice",
            client -> {
              long handle = client.allocate(0, 64).handle();
              client.send(new RpcRequest.FreeBuffer(handle));
              client.send(new RpcRequest.FreeBuffer(handle));
            }),
        lie(
            "a graph of which a buffer was freed",
            client -> {
              var buffer = client.allocate(0, 4096);
              client.send(new RpcRequest.GraphCompute(0, 5, client.sumOf(buffer)));
              client.send(new RpcRequest.FreeBuffer(buffer.handle()));
              client.send(new RpcRequest.GraphRecompute(0, 5));
            }),
        lie(
            "a graph over nobody's buffer",
            client ->
                client.send(
                    new RpcRequest.GraphCompute(
                        0, 5, client.sumOf(new PlainClient.Buffer(NOBODYS, 0))))),
        lie(
            "a read outside",
            client ->
                client.send(
                    new RpcRequest.GetTensor(
                        client.row(client.allocate(1, 64), 32, 16).build(), 0, 64))),
        lie(
            "a copy to outside",
            client -> {
              var buffer = client.allocate(0, 64);
              var far = client.row(client.allocate(1, 64), 1L << 50, 16).build();
              client.send(new RpcRequest.CopyTensor(client.row(buffer, 0, 16).build(), far));
            }),
        lie("another HELLO", client -> client.sendBytes(frame(14, 24))),
        lie("a private command", client -> client.sendBytes(frame(70, 1))),
        lie("a notice", client -> client.sendBytes(frame(96, 2))),
        lie("a command that does not exist", client -> client.sendBytes(frame(127, 0))),
        lie("a graph of 2^40 bytes", client -> client.sendBytes(head(10, 1L << 40))),
        lie("SET_TENSOR of 2^64 - 1 bytes", client -> client.sendBytes(head(6, -1))),
        lie(
            "a web browser",
            client ->
                client.sendBytes("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII))));
  }

  /** What only the worker can know to be wrong. */
  static Stream<Arguments> liesForWorkers() {
    return Stream.of(
        lie(
            "a write outside",
            client ->
                client.send(
                    new RpcRequest.SetTensor(
                        client.row(client.allocate(0, 64), 32, 16).build(), false, 0, 64),
                    new byte[64])),
        lie(
            "a graph whose tensors are outside their buffer",
            client ->
                client.send(
                    new RpcRequest.GraphCompute(0, 5, client.sumOf(client.allocate(0, 2048))))),
        lie(
            "a graph without a name whose tensors are outside",
            client ->
                client.send(
                    new RpcRequest.GraphCompute(0, 0, client.sumOf(client.allocate(0, 1024))))),
        lie(
            "a graph over a buffer of another worker",
            client ->
                client.send(
                    new RpcRequest.GraphCompute(0, 5, client.sumOf(client.allocate(1, 4096))))),
        lie(
            "an operation without its operands",
            client -> {
              var node =
                  client
                      .row(client.allocate(0, 64), 0, 16)
                      .op(TensorOp.MUL_MAT)
                      .flags(RpcTensor.FLAG_COMPUTE)
                      .build();
              client.send(
                  new RpcRequest.GraphCompute(
                      0, 6, ComputeGraph.of(new long[] {node.id()}, List.of(node))));
            }));
  }

  private static byte[] head(int code, long bytes) {
    return ByteBuffer.allocate(9)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put((byte) code)
        .putLong(bytes)
        .array();
  }

  private static byte[] frame(int code, int bytes) {
    return ByteBuffer.allocate(9 + bytes).put(head(code, bytes)).array();
  }

  private void requireOthersServed() throws IOException {
    assertThat(witness.sum(0, 2, 3)).isEqualTo(5);
    assertThat(witness.sum(1, 2, 3)).isEqualTo(5);
    await("what the client had is freed")
        .until(() -> first.allocatedBytes() + second.allocatedBytes() == 0);
  }

  @ParameterizedTest
  @MethodSource("lies")
  void whenAClientLies_thenItIsClosedAndNoWorkerIsBlamed(Lie lie) throws IOException {
    int blamed = over.events.failures().size();
    try (var client = PlainClient.of(over.router)) {
      lie.tell(client);
      client.awaitClosed();
    }
    requireOthersServed();
    assertThat(over.events.failures()).hasSize(blamed);
  }

  @ParameterizedTest
  @MethodSource("liesForWorkers")
  void whenAWorkerRefusesWhatAClientSays_thenOnlyThatClientIsClosed(Lie lie) throws IOException {
    try (var client = PlainClient.of(over.router)) {
      lie.tell(client);
      client.awaitClosed();
    }
    requireOthersServed();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void whenAClientSaysAnything_thenOnlyItIsClosed(long seed) throws IOException {
    var random = new Random(seed);
    for (int round = 0; round < 20; round++) {
      try (var client =
          random.nextBoolean() ? PlainClient.of(over.router) : PlainClient.silent(over.router)) {
        byte[] bytes = new byte[1 + random.nextInt(2000)];
        random.nextBytes(bytes);
        bytes[0] = (byte) random.nextInt(24);
        client.sendBytes(bytes);
      } catch (IOException _) {
        // It was closed before it had said all.
      }
    }
    requireOthersServed();
  }

  @Test
  void whenClientsVanishWhileTheyAreAnswered_thenNoWorkerIsBlamed() throws IOException {
    int blamed = over.events.failures().size();
    long bytes = 32 << 20;
    for (int round = 0; round < 10; round++) {
      try (var client = PlainClient.of(over.router)) {
        var tensor = client.row(client.allocate(0, bytes), 0, bytes / Float.BYTES).build();
        client.ask(new RpcRequest.GetTensor(tensor, 0, bytes), RpcResponse.TensorData.class);
        client.reset();
      }
    }
    requireOthersServed();
    assertThat(over.events.failures()).hasSize(blamed);
  }
}
