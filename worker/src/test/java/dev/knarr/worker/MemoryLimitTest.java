// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse.AllocatedBuffer;
import dev.knarr.rpc.RpcResponse.BufferBase;
import dev.knarr.rpc.RpcResponse.DeviceMemory;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What cannot be had is refused in the protocol's own way, and the client is served on. */
class MemoryLimitTest {
  private static final long LIMIT_BYTES = 8 << 20;
  private static final AllocatedBuffer NONE = new AllocatedBuffer(0, 0);

  private RunningWorker worker;
  private RawClient client;

  @BeforeEach
  void open() throws IOException {
    worker =
        RunningWorker.configured(TestConfig.withDevices("CPU", "Vulkan0").withMemoryLimit("8Mi"));
    client = RawClient.to(worker.port());
  }

  @AfterEach
  void close() throws IOException {
    client.close();
    worker.close();
  }

  private AllocatedBuffer allocate(int device, long bytes) throws IOException {
    client.channel().send(new RpcRequest.AllocBuffer(device, bytes));
    return client.channel().receive(AllocatedBuffer.class);
  }

  private DeviceMemory memory(int device) throws IOException {
    client.channel().send(new RpcRequest.GetDeviceMemory(device));
    return client.channel().receive(DeviceMemory.class);
  }

  @Nested
  class GivenALimit {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenBuffersComeAndGo_thenTheFreeMemoryFollows(int device) throws IOException {
      assertThat(memory(device)).isEqualTo(new DeviceMemory(LIMIT_BYTES, LIMIT_BYTES));

      var buffer = client.allocate(device, LIMIT_BYTES / 4);

      assertThat(memory(device))
          .isEqualTo(new DeviceMemory(LIMIT_BYTES - LIMIT_BYTES / 4, LIMIT_BYTES));
      assertThat(memory(1 - device)).isEqualTo(new DeviceMemory(LIMIT_BYTES, LIMIT_BYTES));
      client.free(buffer);
      assertThat(memory(device)).isEqualTo(new DeviceMemory(LIMIT_BYTES, LIMIT_BYTES));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenMoreIsAskedFor_thenTheAnswerIsNothingUntilThereIsRoom(int device) throws IOException {
      assertThat(allocate(device, LIMIT_BYTES + 1)).isEqualTo(NONE);
      var half = allocate(device, LIMIT_BYTES / 2);
      assertThat(half.size()).isEqualTo(LIMIT_BYTES / 2);
      assertThat(allocate(device, LIMIT_BYTES / 2 + 1)).isEqualTo(NONE);

      client.channel().send(new RpcRequest.FreeBuffer(half.buffer()));

      assertThat(allocate(device, LIMIT_BYTES).size()).isEqualTo(LIMIT_BYTES);
      assertThat(worker.count(WorkerMetrics.REJECTED)).isZero();
    }

    @Test
    void whenAnotherClientHoldsAllOfIt_thenThereIsNoneForThisOneUntilItLeaves() throws IOException {
      try (var other = RawClient.to(worker.port())) {
        other.allocate(0, LIMIT_BYTES);

        assertThat(allocate(0, 1)).isEqualTo(NONE);
        assertThat(memory(0).free()).isZero();
        assertThat(allocate(1, LIMIT_BYTES).size()).isEqualTo(LIMIT_BYTES);
      }
    }
  }

  @Nested
  class GivenALimitThatIsUsedUp {
    /** What ggml allocates to compute is the machine's memory, not the limit's. */
    @Test
    void whenAGraphNeedsScratchMemory_thenItIsComputedAllTheSame() throws IOException {
      var graph = WireGraph.on(client, 0);
      var x = graph.data(TensorType.F32, 1);
      var square = graph.node(TensorOp.SQR, TensorType.F32, 1).from(x);
      client.allocate(0, memory(0).free());

      client.write(x.build(), 3f);
      graph.send(0, 1);

      assertThat(client.read(square.build())).containsExactly(9);
      assertThat(memory(0).free()).isZero();
      assertThat(worker.gauge(WorkerMetrics.SCRATCH, "device", "CPU")).isPositive();
    }
  }

  @Nested
  class GivenAGraphThatNeedsMoreScratchMemoryThanTheMachineHas {
    /** ggml would end the process: it allocates such memory itself, beside all buffers. */
    @Test
    void whenItComes_thenItsConnectionAloneIsClosed() throws IOException {
      try (var greedy = RawClient.to(worker.port())) {
        var graph = WireGraph.on(greedy, 0);
        // For every expert ggml keeps a list of all choices: 65,536 times 65,536 times 8 bytes.
        var experts = graph.data(TensorType.F32, 1, 1, 1 << 16);
        var rows = graph.data(TensorType.F32, 1, 1, 1 << 16);
        var ids = graph.data(TensorType.I32, 1, 1 << 16);
        graph.node(TensorOp.MUL_MAT_ID, TensorType.F32, 1, 1, 1 << 16).from(experts, rows, ids);

        graph.send(0, 1);
        greedy.awaitClosed();
      }

      await("its buffers to be freed")
          .pollInterval(Duration.ofMillis(5))
          .until(() -> memory(0).free() == LIMIT_BYTES);
      assertThat(
              worker.count(
                  WorkerMetrics.REJECTED, "fault", ProtocolFault.BUDGET_EXCEEDED.metricName()))
          .isEqualTo(1);
      assertThat(client.sum(0, 2, 3)).isEqualTo(5);
    }
  }

  @Nested
  class GivenAnOddSize {
    @ParameterizedTest
    @ValueSource(longs = {Long.MIN_VALUE, -1, Long.MAX_VALUE, 1L << 62, 1L << 40})
    void whenItIsAbsurd_thenTheAnswerIsNothing(long bytes) throws IOException {
      assertThat(allocate(0, bytes)).isEqualTo(NONE);
      assertThat(allocate(1, bytes)).isEqualTo(NONE);
      assertThat(client.sum(0, 2, 3)).isEqualTo(5);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenItIsZero_thenThereIsABufferWithoutABase(int device) throws IOException {
      var empty = allocate(device, 0);
      client.channel().send(new RpcRequest.BufferGetBase(empty.buffer()));

      assertThat(empty.buffer()).isNotZero();
      assertThat(empty.size()).isZero();
      assertThat(client.channel().receive(BufferBase.class).address()).isZero();
      client.channel().send(new RpcRequest.BufferClear(empty.buffer(), (byte) 1));
      client.channel().send(new RpcRequest.FreeBuffer(empty.buffer()));
      assertThat(client.sum(device, 2, 3)).isEqualTo(5);
    }
  }

  @Nested
  class GivenNoLimit {
    @ParameterizedTest
    @ValueSource(longs = {Long.MIN_VALUE, Long.MAX_VALUE, Long.MAX_VALUE - 4096, 1L << 50})
    void whenASizeIsAbsurd_thenTheAnswerIsNothing(long bytes) throws IOException {
      try (var unlimited = RunningWorker.with("CPU", "Vulkan0");
          var asking = RawClient.to(unlimited.port())) {
        for (int device = 0; device < 2; device++) {
          asking.channel().send(new RpcRequest.AllocBuffer(device, bytes));
          assertThat(asking.channel().receive(AllocatedBuffer.class)).isEqualTo(NONE);
        }
        assertThat(asking.sum(0, 2, 3)).isEqualTo(5);
      }
    }
  }
}
