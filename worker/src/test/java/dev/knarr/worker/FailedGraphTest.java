// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.ggml.GgmlHandles;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class FailedGraphTest {
  @Nested
  class GivenAGraphWithARowNumberOutOfRange {
    @Test
    void whenMoreGraphsFollowBeforeItIsNoticed_thenNothingOfThemIsLeft() throws IOException {
      try (var worker = RunningWorker.with("CPU")) {
        long before = GgmlHandles.live();

        for (int i = 0; i < 10; i++) {
          sendBadGraphs(worker.port());
        }

        Awaitility.await("all graphs and buffers closed")
            .atMost(Duration.ofSeconds(10))
            .until(() -> GgmlHandles.live() == before);
        try (var other = RawClient.to(worker.port())) {
          assertThat(other.sum(0, 1, 2)).isEqualTo(3);
        }
        assertThat(worker.count(WorkerMetrics.REJECTED, "fault", "out_of_range")).isEqualTo(10);
      }
    }

    @Test
    void whenItsClientLeavesRightBehindIt_thenItIsCountedAllTheSame() throws IOException {
      try (var worker = RunningWorker.with("CPU")) {
        try (var client = RawClient.to(worker.port())) {
          sendBadGraph(client, 1);
        }

        Awaitility.await("the refusal to be counted")
            .until(() -> worker.count(WorkerMetrics.REJECTED, "fault", "out_of_range") == 1);
        assertThat(worker.count(WorkerMetrics.REJECTED)).isEqualTo(1);
      }
    }

    private void sendBadGraphs(int port) throws IOException {
      try (var client = RawClient.to(port)) {
        assertThatThrownBy(() -> client.read(sendBadGraph(client, 20))).isNotNull();
      }
    }

    /** Asks some times for row 7 of two, and returns the result. */
    private RpcTensor sendBadGraph(RawClient client, int times) throws IOException {
      var buffer = client.allocate(0, 4096);
      var table = client.f32(buffer, 0, 4, 2).build();
      var ids = client.tensor(TensorType.I32, buffer, 1024, 1, 1).build();
      client.write(ids, ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(0, 7));
      var rows =
          client
              .f32(buffer, 2048, 4, 1)
              .op(TensorOp.GET_ROWS)
              .flags(RpcTensor.FLAG_COMPUTE)
              .source(0, table.id())
              .source(1, ids.id())
              .build();
      for (int i = 0; i < times; i++) {
        client.compute(0, 0, rows, table, ids);
      }
      return rows;
    }
  }
}
