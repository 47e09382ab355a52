// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcCommand;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A client that stops in the middle of something is closed after a while; one that has nothing to
 * say is not.
 */
class StalledClientTest {
  private static final int LARGE_BYTES = 64 << 20;

  private RunningWorker worker;
  private RawClient idle;

  @BeforeEach
  void open() throws IOException {
    worker =
        RunningWorker.configured(
            TestConfig.withDevices("CPU", "Vulkan0")
                .withTimeouts(
                    Duration.ofSeconds(2), Duration.ofMinutes(10), Duration.ofSeconds(10)));
    idle = RawClient.to(worker.port());
  }

  @AfterEach
  void close() throws IOException {
    idle.close();
    worker.close();
  }

  private void requireStalledOneClosed(RawClient stalled) throws IOException {
    stalled.awaitClosed();

    await("the end of all connections but the idle one")
        .pollInterval(Duration.ofMillis(5))
        .until(() -> worker.gauge(WorkerMetrics.CONNECTIONS) == 1);
    assertThat(worker.worker().devices()).allMatch(device -> device.allocatedBytes() == 0);
    assertThat(worker.count(WorkerMetrics.REJECTED)).isEqualTo(1);
    assertThat(worker.count(WorkerMetrics.REJECTED, "fault", ProtocolFault.TIMEOUT.metricName()))
        .isEqualTo(1);
    // It has been silent for longer than the stalled one.
    assertThat(idle.sum(0, 2, 3)).isEqualTo(5);
    assertThat(idle.sum(1, 2, 3)).isEqualTo(5);
  }

  @Nested
  class GivenHalfAMessage {
    @Test
    void whenTheRestOfItsHeadDoesNotCome_thenTheClientIsClosed() throws IOException {
      try (var stalled = RawClient.to(worker.port())) {
        stalled.sendBytes(new byte[] {(byte) RpcCommand.ALLOC_BUFFER.code(), 12});

        requireStalledOneClosed(stalled);
      }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenTheRestOfItsDataDoesNotCome_thenTheClientIsClosedAndItsMemoryFree(int device)
        throws IOException {
      try (var stalled = RawClient.to(worker.port())) {
        var buffer = stalled.allocate(device, LARGE_BYTES);
        var tensor = stalled.f32(buffer, 0, LARGE_BYTES / Float.BYTES, 1).build();
        var head = Frames.buffer(305 + 1000);
        tensor.encode(head);
        stalled.sendBytes(
            Frames.announcing(
                RpcCommand.SET_TENSOR.code(), 305L + LARGE_BYTES, Frames.bytes(head)));

        requireStalledOneClosed(stalled);
      }
    }

    @Test
    void whenItIsAGraph_thenTheClientIsClosedAndTheBudgetIsFree() throws IOException {
      try (var stalled = RawClient.to(worker.port())) {
        stalled.sendBytes(
            Frames.announcing(RpcCommand.GRAPH_COMPUTE.code(), 75 << 20, new byte[2 << 20]));
        await("its bytes to be counted")
            .pollInterval(Duration.ofMillis(5))
            .until(() -> worker.gauge(WorkerMetrics.MESSAGES_MEMORY) > 0);

        requireStalledOneClosed(stalled);
      }
      assertThat(worker.gauge(WorkerMetrics.MESSAGES_MEMORY)).isZero();
    }
  }

  @Nested
  class GivenAnAnswerThatNobodyReads {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenTheSocketIsFull_thenTheClientIsClosedAndItsMemoryFree(int device) throws IOException {
      try (var stalled = RawClient.to(worker.port())) {
        var buffer = stalled.allocate(device, LARGE_BYTES);
        stalled.sendRead(stalled.f32(buffer, 0, LARGE_BYTES / Float.BYTES, 1).build());

        // Reading only now would let it go on: what shows is that the worker let go of it.
        await("the client to be closed")
            .atMost(Duration.ofSeconds(20))
            .pollInterval(Duration.ofMillis(20))
            .until(() -> worker.gauge(WorkerMetrics.CONNECTIONS) == 1);

        requireStalledOneClosed(stalled);
      }
    }
  }
}
