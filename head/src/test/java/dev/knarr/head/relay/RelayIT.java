// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.relay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.knarr.head.HeadMetrics;
import dev.knarr.rpc.Capabilities;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import dev.knarr.testkit.peers.StockWorker;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The relay in front of a stock worker. */
class RelayIT {

  private static final int MEGABYTES = 5;

  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  private final RecordedEvents events = new RecordedEvents();

  private Relay relayTo(StockWorker worker) throws IOException {
    return Relay.open(
        new Relay.RelayTarget(
            "cpu-0",
            "127.0.0.1",
            worker.port(),
            Transport.PLAIN,
            new RelayMeters(registry, "cpu-0"),
            WireLimits.defaults(),
            events));
  }

  private static SocketChannel connect(Relay relay) throws IOException {
    int port = Integer.parseInt(relay.address().split(":", 2)[1]);
    return SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
  }

  private double bytes(String direction) {
    return registry.find(HeadMetrics.RPC_BYTES).tag("direction", direction).counters().stream()
        .mapToDouble(counter -> counter.count())
        .sum();
  }

  @Nested
  class GivenAStockWorker {

    @Test
    void whenATensorGoesThereAndBack_thenTheMetersAgreeWithTheSocket() throws IOException {
      try (StockWorker worker = StockWorker.start();
          Relay relay = relayTo(worker)) {
        CountingChannel socket = new CountingChannel(connect(relay));
        try (RpcClientChannel client =
            RpcClientChannel.over(socket, WireLimits.defaults(), FrameMeter.NONE)) {
          client.hello();
          int size = MEGABYTES << 20;
          client.send(new RpcRequest.AllocBuffer(0, size));
          long buffer = client.receive(RpcResponse.AllocatedBuffer.class).buffer();
          client.send(new RpcRequest.BufferGetBase(buffer));
          long base = client.receive(RpcResponse.BufferBase.class).address();
          RpcTensor tensor =
              RpcTensor.builder()
                  .id(1)
                  .type(TensorType.I8)
                  .buffer(buffer)
                  .shape(TensorShape.contiguous(TensorType.I8, size, 1, 1, 1))
                  .data(base)
                  .name("blk.3.attn_q.weight")
                  .build();
          ByteBuffer sent = ByteBuffer.allocateDirect(size);
          for (int i = 0; i < size; i++) {
            sent.put(i, (byte) (i * 31));
          }
          client.send(new RpcRequest.SetTensor(tensor, false, 0, size));
          client.sendData(sent.duplicate());
          client.send(new RpcRequest.GetTensor(tensor, 0, size));
          client.receive(RpcResponse.TensorData.class);
          ByteBuffer received = ByteBuffer.allocateDirect(size);
          client.receiveData(received);

          assertThat(received.flip()).isEqualTo(sent);
          assertThat(bytes("request")).isEqualTo((double) socket.written.get());
          assertThat(bytes("response")).isEqualTo((double) socket.read.get());
          assertThat(events.tensors).containsExactly("cpu-0/0 blk.3.attn_q.weight " + size);
        }
        await("connection gone").until(() -> relay.connectionCount() == 0);
        assertThat(events.failures).isEmpty();
      }
    }

    @Test
    void whenAClientGivesUpWaiting_thenTheWorkerSurvives() throws IOException {
      try (StockWorker worker = StockWorker.start();
          Relay relay = relayTo(worker)) {
        try (RpcClientChannel served = client(relay)) {
          served.hello();
          // The second one waits in the worker's backlog, says HELLO and goes away.
          RpcClientChannel waiting = client(relay);
          waiting.send(new RpcRequest.Hello(Capabilities.NONE));
          waiting.flush();
          await("both pass").until(() -> bytes("request") == 66);
          waiting.close();
          await("it is gone").until(() -> relay.connectionCount() == 1);
        }
        try (RpcClientChannel next = client(relay)) {
          assertThat(next.hello().major()).isEqualTo(8);
        }
        assertThat(worker.process().isAlive()).isTrue();
      }
    }

    private RpcClientChannel client(Relay relay) throws IOException {
      return RpcClientChannel.over(connect(relay), WireLimits.defaults(), FrameMeter.NONE);
    }

    @Test
    void whenTheWorkerIsKilled_thenItIsNamed() throws IOException {
      try (StockWorker worker = StockWorker.start();
          Relay relay = relayTo(worker);
          RpcClientChannel client = client(relay)) {
        client.hello();

        worker.kill();

        await("told").until(() -> !events.failures.isEmpty());
        assertThat(events.failures.getFirst()).startsWith("cpu-0 ");
        assertThat(catchThrowable(client::hello))
            .isInstanceOfAny(RpcProtocolException.class, IOException.class);
      }
    }
  }
}
