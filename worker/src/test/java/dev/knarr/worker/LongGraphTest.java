// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** A graph that would keep a device for minutes. */
class LongGraphTest {
  /** Each of its nodes takes some tens of milliseconds. */
  private static final int SIZE = 1024;

  private static final long MATRIX_BYTES = (long) SIZE * SIZE * Float.BYTES;
  private static final int MANY_NODES = 3000;

  private static RunningWorker worker(Duration graphTimeout, Duration stopTimeout) {
    return RunningWorker.configured(
        TestConfig.withDevices("CPU")
            .withTimeouts(Duration.ofSeconds(60), graphTimeout, stopTimeout));
  }

  /** So many multiplications of the same two matrices. */
  private static void multiply(RawClient client, RawClient.Buffer buffer, int times)
      throws IOException {
    var tensors = new ArrayList<RpcTensor>();
    long[] nodes = new long[times];
    var a = client.f32(buffer, 0, SIZE, SIZE).build();
    var b = client.f32(buffer, MATRIX_BYTES, SIZE, SIZE).build();
    tensors.add(a);
    tensors.add(b);
    for (int i = 0; i < times; i++) {
      var product =
          client
              .f32(buffer, 2 * MATRIX_BYTES, SIZE, SIZE)
              .op(TensorOp.MUL_MAT)
              .flags(RpcTensor.FLAG_COMPUTE)
              .source(0, a.id())
              .source(1, b.id())
              .build();
      tensors.add(product);
      nodes[i] = product.id();
    }
    client.channel().send(new RpcRequest.GraphCompute(0, 0, ComputeGraph.of(nodes, tensors)));
    client.channel().flush();
  }

  @Nested
  class GivenATimeLimit {
    @Test
    void whenAGraphIsOverIt_thenItsClientIsClosedAndOthersAreServed() throws IOException {
      try (var worker = worker(Duration.ofSeconds(2), Duration.ofSeconds(10));
          var honest = RawClient.to(worker.port());
          var greedy = RawClient.to(worker.port())) {
        var buffer = greedy.allocate(0, 3 * MATRIX_BYTES);
        for (int i = 0; i < 8; i++) {
          multiply(greedy, buffer, MANY_NODES);
        }
        greedy.sendRead(greedy.f32(buffer, 0, 1, 1).build());
        greedy.awaitClosed();

        assertThat(honest.sum(0, 2, 3)).isEqualTo(5);
        await("the greedy client's memory to be free")
            .pollInterval(Duration.ofMillis(5))
            .until(() -> worker.gauge(WorkerMetrics.BUFFERS) == 0);
        assertThat(
                worker.count(WorkerMetrics.REJECTED, "fault", ProtocolFault.TIMEOUT.metricName()))
            .isEqualTo(1);
        // None of those behind it was begun: only the honest client's graph was computed.
        assertThat(worker.count(WorkerMetrics.GRAPHS_COMPUTED)).isEqualTo(1);
      }
    }

    @Test
    void whenOneNodeIsFarOverIt_thenItIsRefusedBeforeItBegins() throws IOException {
      try (var worker = worker(Duration.ofSeconds(1), Duration.ofSeconds(10));
          var greedy = RawClient.to(worker.port())) {
        int side = 4096;
        var buffer = greedy.allocate(0, 3L * side * side * Float.BYTES);
        var a = greedy.f32(buffer, 0, side, side).build();
        var product =
            greedy
                .f32(buffer, 2L * side * side * Float.BYTES, side, side)
                .op(TensorOp.MUL_MAT)
                .flags(RpcTensor.FLAG_COMPUTE)
                .source(0, a.id())
                .source(1, a.id())
                .build();
        greedy.compute(0, 0, product, a);
        greedy.awaitClosed();

        await("its end")
            .pollInterval(Duration.ofMillis(5))
            .until(() -> worker.gauge(WorkerMetrics.CONNECTIONS) == 0);
        assertThat(
                worker.count(
                    WorkerMetrics.REJECTED, "fault", ProtocolFault.BUDGET_EXCEEDED.metricName()))
            .isEqualTo(1);
      }
    }
  }

  @Nested
  class GivenAClientWithManyGraphs {
    @Test
    void whenAnotherHasOne_thenThatComesBeforeTheRestOfThem() throws IOException {
      try (var worker = worker(Duration.ofMinutes(10), Duration.ofSeconds(10));
          var busy = RawClient.to(worker.port());
          var other = RawClient.to(worker.port())) {
        var buffer = busy.allocate(0, 3 * MATRIX_BYTES);
        for (int i = 0; i < 8; i++) {
          multiply(busy, buffer, 5);
        }
        await("the first of them to be computed")
            .pollInterval(Duration.ofMillis(1))
            .until(() -> worker.count(WorkerMetrics.GRAPHS_COMPUTED) > 0);

        assertThat(other.sum(0, 2, 3)).isEqualTo(5);

        assertThat(worker.count(WorkerMetrics.GRAPHS_COMPUTED)).isLessThan(8);
        assertThat(busy.read(busy.f32(buffer, 0, 1, 1).build())).hasSize(1);
        assertThat(worker.count(WorkerMetrics.GRAPHS_COMPUTED)).isEqualTo(9);
      }
    }
  }

  @Nested
  class GivenAWorkerThatIsToStop {
    /** That nothing native is left is demanded by the closing of every worker in tests. */
    @Test
    void whenAGraphRunsOn_thenItIsStoppedAndAllIsGivenBack() throws IOException {
      try (var worker = worker(Duration.ofMinutes(10), Duration.ofSeconds(1));
          var endless = RawClient.to(worker.port())) {
        var buffer = endless.allocate(0, 3 * MATRIX_BYTES);
        multiply(endless, buffer, 1);
        multiply(endless, buffer, MANY_NODES);

        await("the device to have come to it")
            .pollInterval(Duration.ofMillis(1))
            .until(() -> worker.count(WorkerMetrics.GRAPHS_COMPUTED) == 1);
      }
    }
  }
}
