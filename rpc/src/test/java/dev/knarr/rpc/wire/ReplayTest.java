// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.testkit.CapturedSession;
import dev.knarr.testkit.CapturedSession.Connection;
import dev.knarr.testkit.CapturedSession.Message;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every recorded connection goes through both ends of our own channels, byte for byte. */
class ReplayTest {
  @Nested
  class GivenARecordedConnection {
    @ParameterizedTest
    @ValueSource(ints = {1, 7, 4096, Integer.MAX_VALUE})
    void whenItArrivesInChunksOfOneSize_thenBothEndsRepeatIt(int size) throws IOException {
      for (CapturedSession session : CapturedSession.all()) {
        for (Connection connection : session.connections()) {
          serve(connection, _ -> size);
          ask(connection, _ -> size);
        }
      }
    }

    @Test
    void whenItArrivesInRandomChunks_thenBothEndsRepeatIt() throws IOException {
      long seed = System.nanoTime();
      Random random = new Random(seed);
      for (CapturedSession session : CapturedSession.all()) {
        for (Connection connection : session.connections()) {
          serve(connection, _ -> 1 + random.nextInt(2000));
          ask(connection, _ -> 1 + random.nextInt(2000));
        }
      }
    }
  }

  private static void serve(Connection connection, IntUnaryOperator chunk) throws IOException {
    ScriptedByteChannel socket = new ScriptedByteChannel(connection.requests(), chunk);
    AtomicLong metered = new AtomicLong();
    try (RpcServerChannel server =
        RpcServerChannel.over(
            socket,
            WireLimits.defaults(),
            MessageBudget.unlimited(),
            (_, _, bytes) -> metered.addAndGet(bytes))) {
      for (Message message : connection.messages()) {
        RpcRequest request = Objects.requireNonNull(server.readRequest());
        assertThat(request.command()).isEqualTo(RpcCommand.valueOf(message.command()));
        ByteBuffer data = ByteBuffer.allocateDirect(Math.toIntExact(server.dataRemaining()));
        server.readData(data);
        assertThat(data.flip()).as("%s", message).isEqualTo(tail(message, data.limit()));
        answer(server, request, message);
      }
      assertThat(server.readRequest()).as("%s", connection).isNull();
      assertThat(socket.written()).as("%s", connection).isEqualTo(connection.responses());
      assertThat(metered)
          .hasValue((long) connection.requests().length + connection.responses().length);
    }
  }

  private static void answer(RpcServerChannel server, RpcRequest request, Message message)
      throws IOException {
    ByteBuffer payload = message.responsePayload();
    if (payload != null) {
      server.write(RpcResponse.decode(request.command(), payload, payload.remaining()));
      if (request.command().variableResponse()) {
        server.writeData(payload);
      }
      server.flush();
    }
  }

  private static void ask(Connection connection, IntUnaryOperator chunk) throws IOException {
    ScriptedByteChannel socket = new ScriptedByteChannel(connection.responses(), chunk);
    try (RpcClientChannel client =
        RpcClientChannel.over(socket, WireLimits.defaults(), FrameMeter.NONE)) {
      for (Message message : connection.messages()) {
        ByteBuffer payload = message.requestPayload();
        RpcCommand command = RpcCommand.valueOf(message.command());
        RpcRequest request = RpcRequest.decode(command, payload, payload.remaining());
        client.send(request);
        if (command == RpcCommand.SET_TENSOR || command == RpcCommand.SET_TENSOR_2D) {
          client.sendData(tail(message, (int) (request.payloadBytes() - command.requestBytes())));
        }
        if (command.answered()) {
          receive(client, message);
        }
      }
      client.flush();
      assertThat(socket.written()).as("%s", connection).isEqualTo(connection.requests());
      assertThat(socket.unread()).isZero();
    }
  }

  private static void receive(RpcClientChannel client, Message message) throws IOException {
    RpcResponse response = client.receive(RpcResponse.class);
    ByteBuffer data = ByteBuffer.allocate(Math.toIntExact(client.dataRemaining()));
    client.receiveData(data);
    if (response instanceof RpcResponse.TensorData) {
      assertThat(data.flip()).as("%s", message).isEqualTo(message.responsePayload());
    } else {
      assertThat(data.capacity()).isZero();
    }
  }

  private static ByteBuffer tail(Message message, int bytes) {
    byte[] frame = message.requestFrame();
    return ByteBuffer.wrap(frame, frame.length - bytes, bytes).slice();
  }
}
