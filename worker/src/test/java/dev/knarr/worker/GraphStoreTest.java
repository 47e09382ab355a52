// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static dev.knarr.rpc.tensor.TensorType.F32;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.tensor.TensorOp;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Graphs are kept and computed again as section 9 of the protocol says, on each device. */
class GraphStoreTest {
  private static final int MOST_GRAPHS = 1024;

  private RunningWorker worker;
  private RawClient client;

  @BeforeEach
  void open() throws IOException {
    worker = RunningWorker.with("CPU", "Vulkan0");
    client = RawClient.to(worker.port());
  }

  @AfterEach
  void close() throws IOException {
    client.close();
    worker.close();
  }

  /** {@code x}, its square, and the graph between them. */
  private final class Squaring {
    private final WireGraph graph;
    private final WireTensor x;
    private final WireTensor square;

    Squaring(int device) throws IOException {
      graph = WireGraph.on(client, device);
      x = graph.data(F32, 1);
      square = graph.node(TensorOp.SQR, F32, 1).from(x);
    }

    void set(float value) throws IOException {
      client.write(x.build(), value);
    }

    float result() throws IOException {
      return client.read(square.build())[0];
    }
  }

  private double stored() {
    return worker.gauge(WorkerMetrics.GRAPHS_STORED);
  }

  private void requireUnknown(int device, long uid) throws IOException {
    client.recompute(device, uid);
    client.awaitClosed();
    await("the refusal")
        .pollInterval(Duration.ofMillis(5))
        .until(
            () ->
                worker.count(
                        WorkerMetrics.REJECTED, "fault", ProtocolFault.UNKNOWN_GRAPH.metricName())
                    == 1);
  }

  @Nested
  class GivenAStoredGraph {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenComputedAgain_thenItReadsWhatItsBuffersHoldNow(int device) throws IOException {
      var squaring = new Squaring(device);
      squaring.set(3);
      squaring.graph.send(device, 7);
      assertThat(squaring.result()).isEqualTo(9);

      for (int i = 1; i <= 100; i++) {
        squaring.set(i);
        client.recompute(device, 7);
        assertThat(squaring.result()).isEqualTo(i * i);
      }

      assertThat(stored()).isEqualTo(1);
      assertThat(worker.count(WorkerMetrics.GRAPHS_COMPUTED)).isEqualTo(1);
      assertThat(worker.count(WorkerMetrics.GRAPHS_RECOMPUTED)).isEqualTo(100);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenAnotherHasItsUid_thenThatOneTakesItsPlace(int device) throws IOException {
      var first = new Squaring(device);
      first.set(3);
      first.graph.send(device, 7);
      var second = new Squaring(device);
      second.set(4);
      second.graph.send(device, 7);
      assertThat(second.result()).isEqualTo(16);

      first.set(5);
      second.set(6);
      client.recompute(device, 7);

      assertThat(second.result()).isEqualTo(36);
      assertThat(first.result()).isEqualTo(9);
      assertThat(stored()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenAnUnrelatedBufferIsFreed_thenItIsKept(int device) throws IOException {
      var squaring = new Squaring(device);
      squaring.set(3);
      squaring.graph.send(device, 7);
      client.free(client.allocate(device, 4096));
      client.free(client.allocate(1 - device, 4096));

      squaring.set(4);
      client.recompute(device, 7);

      assertThat(squaring.result()).isEqualTo(16);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenItsBufferIsFreed_thenItIsGoneAndOthersAreKept(int device) throws IOException {
      var kept = new Squaring(device);
      kept.set(3);
      kept.graph.send(device, 7);
      var dropped = new Squaring(device);
      dropped.set(4);
      dropped.graph.send(device, 8);

      client.free(dropped.graph.buffer());
      kept.set(5);
      client.recompute(device, 7);

      assertThat(kept.result()).isEqualTo(25);
      assertThat(stored()).isEqualTo(1);
      requireUnknown(device, 8);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenAskedOfAnotherDevice_thenItIsUnknown(int device) throws IOException {
      var squaring = new Squaring(device);
      squaring.set(3);
      squaring.graph.send(device, 7);

      requireUnknown(1 - device, 7);
    }
  }

  @Nested
  class GivenAGraphWithoutAUid {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenComputed_thenItIsNotKept(int device) throws IOException {
      var squaring = new Squaring(device);
      squaring.set(3);

      squaring.graph.send(device, 0);

      assertThat(squaring.result()).isEqualTo(9);
      assertThat(stored()).isZero();
      requireUnknown(device, 0);
    }
  }

  @Nested
  class GivenAsManyGraphsAsAreKept {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenOneMoreComes_thenItAloneIsKept(int device) throws IOException {
      var squaring = new Squaring(device);
      squaring.set(2);
      for (int uid = 1; uid <= MOST_GRAPHS; uid++) {
        squaring.graph.send(device, uid);
      }
      client.recompute(device, 1);
      assertThat(squaring.result()).isEqualTo(4);
      assertThat(stored()).isEqualTo(MOST_GRAPHS);

      squaring.graph.send(device, MOST_GRAPHS + 1);
      squaring.set(3);
      client.recompute(device, MOST_GRAPHS + 1);

      assertThat(squaring.result()).isEqualTo(9);
      assertThat(stored()).isEqualTo(1);
      requireUnknown(device, 1);
    }
  }

  @Nested
  class GivenTheSameUidOnTwoDevices {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenOneIsComputedAgain_thenTheOtherIsNot(int device) throws IOException {
      var here = new Squaring(device);
      var there = new Squaring(1 - device);
      here.set(2);
      there.set(3);
      here.graph.send(device, 7);
      there.graph.send(1 - device, 7);
      assertThat(there.result()).isEqualTo(9);

      here.set(4);
      there.set(5);
      client.recompute(device, 7);

      assertThat(here.result()).isEqualTo(16);
      assertThat(there.result()).isEqualTo(9);
      assertThat(stored()).isEqualTo(2);
    }
  }
}
