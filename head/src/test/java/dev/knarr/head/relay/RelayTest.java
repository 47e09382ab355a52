// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.relay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.knarr.head.HeadMetrics;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.WireLimits;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The relay between plain sockets. */
class RelayTest {

  private static final int LIMIT_MILLIS = 10_000;

  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  private final RecordedEvents events = new RecordedEvents();
  private final ServerSocket worker = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
  private final Relay relay = open();

  RelayTest() throws IOException {}

  private Relay open() throws IOException {
    return Relay.open(
        new Relay.RelayTarget(
            "cpu-0",
            "127.0.0.1",
            worker.getLocalPort(),
            Transport.PLAIN,
            new RelayMeters(registry, "cpu-0"),
            WireLimits.defaults(),
            events));
  }

  @BeforeEach
  void limit() throws IOException {
    worker.setSoTimeout(LIMIT_MILLIS);
  }

  @AfterEach
  void nothingIsLeft() throws IOException {
    relay.close();
    worker.close();
    assertThat(relay.connectionCount()).isZero();
    assertThat(registry.get(HeadMetrics.CONNECTIONS).gauge().value()).isZero();
  }

  private Socket connect() throws IOException {
    Socket socket = new Socket();
    String[] address = relay.address().split(":", 2);
    socket.connect(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(address[1])));
    socket.setSoTimeout(LIMIT_MILLIS);
    return socket;
  }

  private static byte[] hello() {
    return ByteBuffer.allocate(33)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put((byte) RpcCommand.HELLO.code())
        .putLong(24)
        .array();
  }

  private static byte[] deviceCount() {
    return ByteBuffer.allocate(9).put((byte) RpcCommand.DEVICE_COUNT.code()).array();
  }

  private static byte[] helloAnswer() {
    return ByteBuffer.allocate(36).order(ByteOrder.LITTLE_ENDIAN).putLong(28).put((byte) 8).array();
  }

  @Nested
  class GivenAConversation {

    @Test
    void whenBytesComeInPieces_thenTheyPassUnchangedAndFramesAreCountedOnce() throws IOException {
      try (Socket client = connect();
          Socket accepted = worker.accept()) {
        byte[] hello = hello();
        client.getOutputStream().write(hello, 0, 5);
        client.getOutputStream().flush();
        assertThat(accepted.getInputStream().readNBytes(5)).isEqualTo(Arrays.copyOf(hello, 5));
        client.getOutputStream().write(hello, 5, 28);
        assertThat(accepted.getInputStream().readNBytes(28)).hasSize(28);
        accepted.getOutputStream().write(helloAnswer());
        assertThat(client.getInputStream().readNBytes(36)).isEqualTo(helloAnswer());

        assertThat(count(HeadMetrics.RPC_BYTES, "direction", "request")).isEqualTo(33);
        assertThat(count(HeadMetrics.RPC_BYTES, "direction", "response")).isEqualTo(36);
        assertThat(count(HeadMetrics.RPC_FRAMES, "command", "hello")).isEqualTo(2);
        assertThat(count(HeadMetrics.ROUND_TRIPS)).isEqualTo(1);
      }
    }

    @Test
    void whenTheClientSaysNoMore_thenTheWorkerMayStillAnswer() throws IOException {
      try (Socket client = connect();
          Socket accepted = worker.accept()) {
        client.getOutputStream().write(hello());
        accepted.getInputStream().readNBytes(33);
        accepted.getOutputStream().write(helloAnswer());
        assertThat(client.getInputStream().readNBytes(36)).hasSize(36);
        client.getOutputStream().write(deviceCount());
        client.shutdownOutput();
        assertThat(accepted.getInputStream().readAllBytes()).isEqualTo(deviceCount());

        byte[] answer =
            ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN).putLong(4).putInt(1).array();
        accepted.getOutputStream().write(answer);
        accepted.close();

        assertThat(client.getInputStream().readAllBytes()).isEqualTo(answer);
        awaitNoConnection();
        assertThat(events.failures).isEmpty();
      }
    }

    @Test
    void whenTheWorkerCloses_thenTheClientSeesItAndTheLossIsTold() throws IOException {
      try (Socket client = connect();
          Socket accepted = worker.accept()) {
        client.getOutputStream().write(hello());
        accepted.getInputStream().readNBytes(33);

        accepted.close();

        assertThat(client.getInputStream().read()).isEqualTo(-1);
        await()
            .untilAsserted(
                () -> assertThat(events.failures).containsExactly("cpu-0 closed the connection"));
      }
    }

    @Test
    void whenTheClientGoesBeforeItIsServed_thenTheWorkerSeesAReset() throws IOException {
      try (Socket client = connect();
          Socket accepted = worker.accept()) {
        client.getOutputStream().write(hello());
        assertThat(accepted.getInputStream().readNBytes(33)).hasSize(33);

        client.shutdownOutput();

        accepted.setSoTimeout(LIMIT_MILLIS);
        assertThatThrownBy(() -> accepted.getInputStream().read())
            .isInstanceOf(SocketException.class)
            .hasMessageContaining("reset");
        awaitNoConnection();
        assertThat(events.failures).isEmpty();
      }
    }
  }

  @Nested
  class GivenNonsense {

    @Test
    void whenTheClientSpeaksHttp_thenTheConnectionIsClosedAndCounted() throws IOException {
      try (Socket client = connect();
          Socket accepted = worker.accept()) {
        client
            .getOutputStream()
            .write("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII));

        assertThat(ended(client)).isTrue();
        assertThat(ended(accepted)).isTrue();
        assertThat(count(HeadMetrics.REJECTED, "fault", "unknown_command")).isEqualTo(1);
        assertThat(events.failures).isEmpty();
      }
    }

    @Test
    void whenTheWorkerAnswersWhatNobodyAsked_thenTheWorkerIsAtFault() throws IOException {
      try (Socket client = connect();
          Socket accepted = worker.accept()) {
        accepted.getOutputStream().write(helloAnswer());

        assertThat(ended(client)).isTrue();
        await()
            .untilAsserted(
                () ->
                    assertThat(events.failures)
                        .singleElement()
                        .asString()
                        .contains("does not speak the protocol"));
      }
    }

    private boolean ended(Socket socket) {
      try {
        return socket.getInputStream().read() < 0;
      } catch (IOException e) {
        return !(e instanceof SocketTimeoutException);
      }
    }
  }

  @Nested
  class GivenAWorkerThatIsGone {

    @Test
    void whenAClientConnects_thenItIsClosedAndTheWorkerIsNamed() throws IOException {
      worker.close();
      try (Socket client = connect()) {
        assertThat(client.getInputStream().read()).isEqualTo(-1);
        await()
            .untilAsserted(
                () ->
                    assertThat(events.failures)
                        .singleElement()
                        .asString()
                        .startsWith("cpu-0 cannot be reached at 127.0.0.1:"));
      }
    }
  }

  private double count(String meter, String... tags) {
    return registry.find(meter).tags(tags).counters().stream().mapToDouble(c -> c.count()).sum();
  }

  private void awaitNoConnection() {
    await("connection gone")
        .atMost(Duration.ofSeconds(5))
        .until(() -> relay.connectionCount() == 0);
  }
}
