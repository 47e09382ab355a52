// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.testkit.CapturedSession;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A silent, slow or dead client never holds up another, and leaves nothing behind. */
class ClientsTest {
  /** More than sockets buffer between two processes. */
  private static final int LARGE_BYTES = 64 << 20;

  private RunningWorker worker;
  private RawClient other;

  @BeforeEach
  void open() throws IOException {
    worker = RunningWorker.with("CPU", "Vulkan0");
    other = RawClient.to(worker.port());
  }

  @AfterEach
  void close() throws IOException {
    other.close();
    worker.close();
  }

  private void requireOtherServed() throws IOException {
    assertThat(other.sum(0, 2, 3)).isEqualTo(5);
    assertThat(other.sum(1, 2, 3)).isEqualTo(5);
  }

  private void awaitOnlyOther() {
    await("the end of all connections but one")
        .pollInterval(Duration.ofMillis(5))
        .until(() -> worker.gauge(WorkerMetrics.CONNECTIONS) == 1);
    assertThat(worker.worker().devices()).allMatch(device -> device.allocatedBytes() == 0);
  }

  @Nested
  class GivenAClientThatSaysNothing {
    @Test
    void whenTheTimeForHelloIsOver_thenItIsClosedAndOthersAreServed() throws IOException {
      try (var silent = RawClient.silent(worker.port())) {
        requireOtherServed();

        silent.awaitClosed();
      }

      awaitOnlyOther();
      requireOtherServed();
    }

    @Test
    void whenItSaysHalfOfHello_thenItIsClosedInTheSameTime() throws IOException {
      try (var halting = RawClient.silent(worker.port())) {
        halting.sendBytes(Frames.announcing(RpcCommand.HELLO.code(), 24, new byte[10]));
        requireOtherServed();

        halting.awaitClosed();
      }

      awaitOnlyOther();
    }
  }

  @Nested
  class GivenAClientThatStopsInTheMiddle {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenHalfAMessageHasCome_thenOthersAreServedAndTheRestIsTakenLater(int device)
        throws IOException {
      try (var halting = RawClient.to(worker.port())) {
        var buffer = halting.allocate(device, 4096);
        var tensor = halting.f32(buffer, 0, 4, 1).build();
        byte[] frame = setTensor(tensor, Frames.buffer(16).putFloat(1).putFloat(2).putFloat(3));
        halting.sendBytes(Arrays.copyOf(frame, frame.length - 6));

        requireOtherServed();
        halting.sendBytes(Arrays.copyOfRange(frame, frame.length - 6, frame.length));

        assertThat(halting.read(tensor)).containsExactly(1, 2, 3, 0);
      }
      awaitOnlyOther();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenItVanishesInTheMiddleOfAWrite_thenItsBuffersAreFreed(int device) throws IOException {
      var vanishing = RawClient.to(worker.port());
      var buffer = vanishing.allocate(device, LARGE_BYTES);
      var tensor = vanishing.f32(buffer, 0, LARGE_BYTES / Float.BYTES, 1).build();
      var head = Frames.buffer(305 + (8 << 20));
      tensor.encode(head);
      vanishing.sendBytes(
          Frames.announcing(RpcCommand.SET_TENSOR.code(), 305L + LARGE_BYTES, Frames.bytes(head)));

      vanishing.reset();

      awaitOnlyOther();
      requireOtherServed();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenItVanishesInTheMiddleOfAnAnswer_thenItsBuffersAreFreed(int device) throws IOException {
      var vanishing = RawClient.to(worker.port());
      var buffer = vanishing.allocate(device, LARGE_BYTES);
      vanishing.sendRead(vanishing.f32(buffer, 0, LARGE_BYTES / Float.BYTES, 1).build());
      vanishing.channel().receive(RpcResponse.TensorData.class);

      vanishing.reset();

      awaitOnlyOther();
      requireOtherServed();
    }
  }

  private static byte[] setTensor(RpcTensor tensor, ByteBuffer data) {
    var payload = Frames.buffer(305 + data.capacity());
    tensor.encode(payload);
    payload.put((byte) 0).putLong(0).put(data.rewind());
    return Frames.of(RpcCommand.SET_TENSOR, payload);
  }

  @Nested
  class GivenAClientThatDoesNotRead {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenItsAnswerFillsTheSocket_thenOthersAreServedAndItGetsAllOfItLater(int device)
        throws IOException {
      try (var slow = RawClient.to(worker.port())) {
        var buffer = slow.allocate(device, LARGE_BYTES);
        var tensor = slow.f32(buffer, 0, LARGE_BYTES / Float.BYTES, 1).build();
        slow.channel().send(new RpcRequest.BufferClear(buffer.handle(), (byte) 7));
        slow.sendRead(tensor);

        requireOtherServed();
        long bytes = slow.channel().receive(RpcResponse.TensorData.class).bytes();

        assertThat(bytes).isEqualTo(LARGE_BYTES);
        byte[] data = new byte[LARGE_BYTES];
        slow.channel().receiveData(ByteBuffer.wrap(data));
        for (byte value : data) {
          assertThat(value == 7).isTrue();
        }
      }
      awaitOnlyOther();
    }
  }

  @Nested
  class GivenAsManyClientsAsAreAllowed {
    private static final int MOST = 8;

    @Test
    void whenOneMoreComes_thenItIsTurnedAwayUntilAnotherLeaves() throws IOException {
      var config = TestConfig.withDevices("CPU").withMaxConnections(MOST, MOST);
      try (var small = RunningWorker.configured(config)) {
        var crowd = new ArrayList<RawClient>();
        for (int i = 0; i < MOST; i++) {
          crowd.add(RawClient.to(small.port()));
        }

        try (var late = RawClient.silent(small.port())) {
          late.awaitClosed();
        }
        for (var client : crowd) {
          assertThat(client.sum(0, 2, 3)).isEqualTo(5);
        }

        crowd.removeLast().close();
        await("room for another")
            .pollInterval(Duration.ofMillis(5))
            .until(() -> small.gauge(WorkerMetrics.CONNECTIONS) == MOST - 1);
        crowd.add(RawClient.to(small.port()));
        assertThat(crowd.getLast().sum(0, 2, 3)).isEqualTo(5);
        assertThat(small.count(WorkerMetrics.CONNECTIONS_ACCEPTED)).isEqualTo(MOST + 1);
        for (var client : crowd) {
          client.close();
        }
      }
    }
  }

  @Nested
  class GivenRecordedClientsAtOnce {
    /** So many that the clients' graphs really meet. */
    private static final int ROUNDS = 5;

    /** Bit by bit: alone or not, a device computes the same. */
    @ParameterizedTest
    @ValueSource(strings = {"CPU", "Vulkan0"})
    void whenTheyShareADevice_thenEachGetsTheAnswersItGetsAlone(String device) throws Exception {
      try (var shared = RunningWorker.with(device);
          var clients = Executors.newFixedThreadPool(3)) {
        var singleAlone = replay(shared, "single").call();
        var quantAlone = replay(shared, "quant").call();

        var single = clients.submit(replay(shared, "single"));
        var quant = clients.submit(replay(shared, "quant"));
        var again = clients.submit(replay(shared, "single"));

        assertThat(singleAlone).hasSizeGreaterThanOrEqualTo(3 * ROUNDS);
        assertThat(quantAlone).hasSizeGreaterThanOrEqualTo(3 * ROUNDS);
        assertThat(single.get()).isEqualTo(singleAlone);
        assertThat(quant.get()).isEqualTo(quantAlone);
        assertThat(again.get()).isEqualTo(singleAlone);
      }
    }

    /** Plays a whole session some times and returns what its reads of tensors were answered. */
    private static Callable<List<ByteBuffer>> replay(RunningWorker worker, String session) {
      return () -> {
        var answers = new ArrayList<ByteBuffer>();
        for (int round = 0; round < ROUNDS; round++) {
          for (var connection : CapturedSession.named(session).connections()) {
            try (var client = new RecordedClient(worker.port())) {
              client.play(
                  connection,
                  (message, _, received) -> {
                    if (message.command().equals("GET_TENSOR")) {
                      answers.add(received);
                    }
                  });
            }
          }
        }
        return answers;
      };
    }
  }
}
