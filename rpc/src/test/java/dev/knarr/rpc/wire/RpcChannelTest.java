// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.Capabilities;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.ProtocolVersion;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class RpcChannelTest {
  private static final WireLimits LIMITS = WireLimits.defaults();

  @Nested
  class GivenTheMessagesOfOneToken {
    @Test
    void whenTheyArriveTogether_thenOneReadAndOneWriteDo() throws IOException {
      ScriptedByteChannel client = ScriptedByteChannel.of();
      try (RpcClientChannel sender = RpcClientChannel.over(client, LIMITS, FrameMeter.NONE)) {
        sender.send(new RpcRequest.Hello(Capabilities.NONE));
        for (int i = 0; i < 9; i++) {
          sender.send(new RpcRequest.SetTensor(floats(32), false, 0, 128));
          sender.sendData(ByteBuffer.allocate(128));
        }
        sender.send(new RpcRequest.GraphRecompute(0, 63));
        sender.send(new RpcRequest.GetTensor(floats(277), 0, 1108));
        sender.flush();
      }
      assertThat(client.writes()).isEqualTo(1);

      ScriptedByteChannel socket = ScriptedByteChannel.of(client.written());
      try (RpcServerChannel server =
          RpcServerChannel.over(socket, LIMITS, MessageBudget.unlimited(), FrameMeter.NONE)) {
        ByteBuffer data = ByteBuffer.allocateDirect(128);
        int requests = 0;
        do {
          RpcRequest request = Objects.requireNonNull(server.readRequest());
          requests++;
          if (request instanceof RpcRequest.Hello) {
            server.write(new RpcResponse.HelloAccepted(ProtocolVersion.V8_0, Capabilities.NONE));
          }
          if (request instanceof RpcRequest.SetTensor) {
            server.readData(data.clear());
          }
        } while (server.hasBufferedInput());
        server.beginData(1108);
        server.writeData(ByteBuffer.allocateDirect(1108));
        server.flush();

        assertThat(requests).isEqualTo(12);
        assertThat(socket.reads()).isEqualTo(1);
        assertThat(socket.writes()).isEqualTo(1);
        assertThat(socket.written()).hasSize(8 + 28 + 8 + 1108);
      }
    }
  }

  @Nested
  class GivenALargeTensor {
    private static final int BYTES = 8 << 20;

    @Test
    void whenTheDestinationIsDirect_thenMostOfItSkipsOurBuffer() throws IOException {
      byte[] content = new byte[BYTES];
      new Random(1).nextBytes(content);
      ScriptedByteChannel client = ScriptedByteChannel.of();
      try (RpcClientChannel sender = RpcClientChannel.over(client, LIMITS, FrameMeter.NONE)) {
        sender.send(new RpcRequest.Hello(Capabilities.NONE));
        sender.send(new RpcRequest.SetTensor(floats(BYTES / 4), false, 0, BYTES));
        sender.sendData(ByteBuffer.allocateDirect(BYTES).put(content).flip());
        sender.flush();
      }

      ScriptedByteChannel socket = ScriptedByteChannel.of(client.written());
      try (RpcServerChannel server =
          RpcServerChannel.over(socket, LIMITS, MessageBudget.unlimited(), FrameMeter.NONE)) {
        ByteBuffer direct = ByteBuffer.allocateDirect(BYTES);
        server.readRequest();
        server.readRequest();
        assertThat(server.dataRemaining()).isEqualTo(BYTES);
        server.readData(direct);

        assertThat(direct.flip()).isEqualTo(ByteBuffer.wrap(content));
        assertThat(socket.reads()).isEqualTo(2);
        assertThat(socket.largestRead()).isGreaterThan(BYTES - RpcChannel.BUFFER_BYTES);
      }
    }

    @Test
    void whenItIsNotRead_thenTheNextRequestIsNotMistakenForIt() throws IOException {
      ScriptedByteChannel client = ScriptedByteChannel.of();
      try (RpcClientChannel sender = RpcClientChannel.over(client, LIMITS, FrameMeter.NONE)) {
        sender.send(new RpcRequest.Hello(Capabilities.NONE));
        sender.send(new RpcRequest.SetTensor(floats(BYTES / 4), false, 0, BYTES));
        assertThatThrownBy(() -> sender.send(new RpcRequest.DeviceCount()))
            .isInstanceOf(IllegalStateException.class);
        sender.sendData(ByteBuffer.allocate(BYTES));
        assertThatThrownBy(() -> sender.sendData(ByteBuffer.allocate(1)))
            .isInstanceOf(IllegalArgumentException.class);
        sender.send(new RpcRequest.DeviceCount());
        sender.flush();
      }

      try (RpcServerChannel server =
          RpcServerChannel.over(
              ScriptedByteChannel.of(client.written()),
              LIMITS,
              MessageBudget.unlimited(),
              FrameMeter.NONE)) {
        server.readRequest();
        server.readRequest();
        assertThatThrownBy(server::readRequest).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> server.readData(ByteBuffer.allocate(BYTES + 1)))
            .isInstanceOf(IllegalArgumentException.class);
        server.readData(ByteBuffer.allocate(1000));
        server.skipData();

        assertThat(server.readRequest()).isEqualTo(new RpcRequest.DeviceCount());
      }
    }
  }

  @Nested
  class GivenAnswersOutOfOrder {
    @Test
    void whenTheServerWritesAnotherKindOrLength_thenItIsTold() throws IOException {
      try (RpcServerChannel server =
          RpcServerChannel.over(
              ScriptedByteChannel.of(requests(new RpcRequest.DeviceCount())),
              LIMITS,
              MessageBudget.unlimited(),
              FrameMeter.NONE)) {
        assertThatThrownBy(() -> server.write(new RpcResponse.DeviceCounted(1)))
            .isInstanceOf(IllegalStateException.class);
        server.readRequest();
        assertThatThrownBy(() -> server.write(new RpcResponse.DeviceCounted(1)))
            .isInstanceOf(IllegalStateException.class);
        server.write(new RpcResponse.HelloAccepted(ProtocolVersion.V8_0, Capabilities.NONE));
        server.readRequest();
        assertThatThrownBy(() -> server.beginData(4)).isInstanceOf(IllegalStateException.class);
        server.write(new RpcResponse.DeviceCounted(1));
      }
    }

    @Test
    void whenTheClientReceivesWithoutARequest_thenItIsTold() throws IOException {
      try (RpcClientChannel client =
          RpcClientChannel.over(ScriptedByteChannel.of(), LIMITS, FrameMeter.NONE)) {
        assertThatThrownBy(() -> client.receive(RpcResponse.DeviceCounted.class))
            .isInstanceOf(IllegalStateException.class);
      }
    }

    @ParameterizedTest
    @CsvSource({"5", "3", "0", "-1", "9223372036854775807"})
    void whenAnAnswerHasAnotherLength_thenTheFaultIsTyped(long length) throws IOException {
      ByteBuffer answer = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
      try (RpcClientChannel client =
          RpcClientChannel.over(ScriptedByteChannel.of(answer.array()), LIMITS, FrameMeter.NONE)) {
        client.send(new RpcRequest.DeviceCount());

        assertThat(
                catchThrowableOfType(
                        RpcProtocolException.class,
                        () -> client.receive(RpcResponse.DeviceCounted.class))
                    .fault())
            .isEqualTo(ProtocolFault.FRAME_SIZE);
      }
    }
  }

  @Nested
  class GivenAServerOfAnotherVersion {
    @ParameterizedTest
    @CsvSource({"7, 0, 28, update llama.cpp", "9, 0, 28, update Knarr", "8, 1, 28, update Knarr"})
    void whenItAnswersHello_thenTheFaultNamesBothVersionsAndTheRemedy(
        int major, int minor, int length, String remedy) throws IOException {
      RpcProtocolException e = refusedHello(hello(major, minor, length));

      assertThat(e.fault()).isEqualTo(ProtocolFault.VERSION_MISMATCH);
      assertThat(e).hasMessageContainingAll(major + "." + minor + ".0", "8.0.0", remedy);
    }

    @Test
    void whenTheAnswerHasAnotherLength_thenItsVersionIsStillTold() throws IOException {
      assertThat(refusedHello(hello(3, 6, 3)))
          .hasMessageContainingAll("3.6.0 (llama.cpp of December 2025)", "8.0.0");
      assertThat(refusedHello(hello(12, 0, 100))).hasMessageContaining("12.0.0");
    }

    @Test
    void whenItClosesWithoutAnAnswer_thenTheFaultSaysWhatThatCanMean() throws IOException {
      RpcProtocolException e = refusedHello(new byte[0]);

      assertThat(e.fault()).isEqualTo(ProtocolFault.TRUNCATED);
      assertThat(e).hasMessageContainingAll("without an answer to HELLO", "8.0.0");
    }

    @Test
    void whenOnlyThePatchDiffers_thenItIsTaken() throws IOException {
      byte[] answer = hello(8, 0, 28);
      answer[10] = 5;
      try (RpcClientChannel client =
          RpcClientChannel.over(ScriptedByteChannel.of(answer), LIMITS, FrameMeter.NONE)) {
        assertThat(client.hello()).isEqualTo(new ProtocolVersion(8, 0, 5));
      }
    }

    private static RpcProtocolException refusedHello(byte[] answer) throws IOException {
      try (RpcClientChannel client =
          RpcClientChannel.over(ScriptedByteChannel.of(answer), LIMITS, FrameMeter.NONE)) {
        return catchThrowableOfType(RpcProtocolException.class, client::hello);
      }
    }

    private static byte[] hello(int major, int minor, int length) {
      return ByteBuffer.allocate(8 + length)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putLong(length)
          .put((byte) major)
          .put((byte) minor)
          .array();
    }
  }

  @Nested
  class GivenTwoEndsOfASocket {
    private @Nullable RpcClientChannel client;
    private @Nullable RpcServerChannel server;

    @BeforeEach
    void connect() throws IOException {
      try (ServerSocketChannel listener = ServerSocketChannel.open()) {
        listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        client =
            RpcClientChannel.over(
                SocketChannel.open(listener.getLocalAddress()), LIMITS, FrameMeter.NONE);
        server =
            RpcServerChannel.over(
                listener.accept(), LIMITS, MessageBudget.unlimited(), FrameMeter.NONE);
      }
    }

    @AfterEach
    void close() throws IOException {
      client().close();
      server().close();
    }

    @Test
    void whenTensorsGoBothWays_thenTheyAreWhole() throws Exception {
      int bytes = 3 << 20;
      var echo = CompletableFuture.runAsync(() -> echoOne(bytes), thread());
      assertThat(client().hello()).isEqualTo(ProtocolVersion.V8_0);
      byte[] content = new byte[bytes];
      new Random(2).nextBytes(content);

      client().send(new RpcRequest.SetTensor(floats(bytes / 4), false, 0, bytes));
      client().sendData(ByteBuffer.wrap(content));
      client().send(new RpcRequest.GetTensor(floats(bytes / 4), 0, bytes));
      var head = client().receive(RpcResponse.TensorData.class);
      ByteBuffer back = ByteBuffer.allocateDirect((int) head.bytes());
      client().receiveData(back);

      assertThat(back.flip()).isEqualTo(ByteBuffer.wrap(content));
      assertThat(client().peer()).startsWith("127.0.0.1:");
      client().close();
      echo.get();
    }

    @Test
    void whenTheServerIsClosedWhileItReads_thenTheReaderEndsAndFurtherUseIsRefused() {
      AtomicReference<@Nullable Thread> reader = new AtomicReference<>();
      var read =
          CompletableFuture.supplyAsync(
              () -> {
                reader.set(Thread.currentThread());
                return catchThrowableOfType(IOException.class, () -> server().readRequest());
              },
              thread());
      await("reader blocks in the socket")
          .atMost(Duration.ofSeconds(10))
          .until(
              () ->
                  reader.get() != null
                      && server().readLock.isLocked()
                      && inSocketRead(Objects.requireNonNull(reader.get())));

      assertThat(catchThrowableOfType(IOException.class, () -> server().close())).isNull();

      assertThat(read.join()).isInstanceOf(ClosedChannelException.class);
      assertThatThrownBy(() -> server().readRequest()).isInstanceOf(ClosedChannelException.class);
      assertThatThrownBy(() -> server().flush()).isInstanceOf(ClosedChannelException.class);
      assertThat(catchThrowableOfType(IOException.class, () -> server().close())).isNull();
    }

    private static boolean inSocketRead(Thread thread) {
      for (StackTraceElement frame : thread.getStackTrace()) {
        if (frame.getClassName().endsWith("SocketChannelImpl")) {
          return true;
        }
      }
      return false;
    }

    private void echoOne(int bytes) {
      try {
        ByteBuffer data = ByteBuffer.allocateDirect(bytes);
        server().readRequest();
        server().write(new RpcResponse.HelloAccepted(ProtocolVersion.V8_0, Capabilities.NONE));
        server().flush();
        server().readRequest();
        server().readData(data);
        server().readRequest();
        server().beginData(bytes);
        server().writeData(data.flip());
        server().flush();
        assertThat(server().readRequest()).isNull();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private RpcClientChannel client() {
      return Objects.requireNonNull(client);
    }

    private RpcServerChannel server() {
      return Objects.requireNonNull(server);
    }

    private static Executor thread() {
      return task -> Thread.ofPlatform().name("other-end").start(task);
    }
  }

  private static RpcTensor floats(int count) {
    return RpcTensor.builder()
        .id(1)
        .buffer(1)
        .data(64)
        .shape(TensorShape.contiguous(TensorType.F32, count, 1, 1, 1))
        .build();
  }

  private static byte[] requests(RpcRequest request) throws IOException {
    ScriptedByteChannel channel = ScriptedByteChannel.of();
    try (RpcClientChannel client = RpcClientChannel.over(channel, LIMITS, FrameMeter.NONE)) {
      client.send(new RpcRequest.Hello(Capabilities.NONE));
      client.send(request);
      client.flush();
    }
    return channel.written();
  }
}
