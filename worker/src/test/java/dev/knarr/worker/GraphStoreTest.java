// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static dev.knarr.rpc.tensor.TensorType.F32;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
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
  private static final class Squaring {
    private final RawClient client;
    private final WireGraph graph;
    private final WireTensor x;
    private final WireTensor square;

    Squaring(RawClient client, int device) throws IOException {
      this(client, device, 1);
    }

    /** Of so many values: another graph than with one. */
    Squaring(RawClient client, int device, int values) throws IOException {
      this.client = client;
      graph = WireGraph.on(client, device);
      x = graph.data(F32, values);
      square = graph.node(TensorOp.SQR, F32, values).from(x);
    }

    void set(float value) throws IOException {
      float[] values = new float[(int) x.build().ne(0)];
      Arrays.fill(values, value);
      client.write(x.build(), values);
    }

    float result() throws IOException {
      return client.read(square.build())[0];
    }
  }

  private double stored() {
    return worker.gauge(WorkerMetrics.GRAPHS_STORED);
  }

  private double natives() {
    return worker.gauge(WorkerMetrics.GRAPHS_NATIVE);
  }

  private double archived() {
    return worker.gauge(WorkerMetrics.GRAPHS_ARCHIVED);
  }

  /** In place of the worker of most tests. */
  private void reopen(TestConfig config) throws IOException {
    close();
    worker = RunningWorker.configured(config);
    client = RawClient.to(worker.port());
  }

  private void requireUnknown(int device, long uid) throws IOException {
    client.recompute(device, uid);
    requireRefused(ProtocolFault.UNKNOWN_GRAPH);
  }

  private void requireRefused(ProtocolFault fault) throws IOException {
    client.awaitClosed();
    until(
        "the refusal",
        () -> worker.count(WorkerMetrics.REJECTED, "fault", fault.metricName()) == 1);
  }

  private static void until(String what, Callable<Boolean> condition) {
    await(what).pollInterval(Duration.ofMillis(5)).until(condition);
  }

  @Nested
  class GivenAStoredGraph {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenComputedAgain_thenItReadsWhatItsBuffersHoldNow(int device) throws IOException {
      var squaring = new Squaring(client, device);
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
      var first = new Squaring(client, device);
      first.set(3);
      first.graph.send(device, 7);
      var second = new Squaring(client, device);
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
      var squaring = new Squaring(client, device);
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
      var kept = new Squaring(client, device);
      kept.set(3);
      kept.graph.send(device, 7);
      var dropped = new Squaring(client, device);
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
      var squaring = new Squaring(client, device);
      squaring.set(3);
      squaring.graph.send(device, 7);

      requireUnknown(1 - device, 7);
    }
  }

  @Nested
  class GivenOneGraphUnderTwoUids {
    private Squaring send(int device) throws IOException {
      var squaring = new Squaring(client, device);
      squaring.set(3);
      squaring.graph.send(device, 7);
      squaring.graph.send(device, 8);
      assertThat(squaring.result()).isEqualTo(9);
      return squaring;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenComputedAgain_thenBothAreTheSameNativeGraph(int device) throws IOException {
      var squaring = send(device);

      for (int uid = 7; uid <= 8; uid++) {
        squaring.set(uid);
        client.recompute(device, uid);
        assertThat(squaring.result()).isEqualTo(uid * uid);
      }

      assertThat(stored()).isEqualTo(2);
      assertThat(natives()).isEqualTo(1);
      assertThat(archived()).isEqualTo(1);
      assertThat(worker.count(WorkerMetrics.GRAPHS_RECEIVED, "known", "true")).isEqualTo(1);
      assertThat(worker.count(WorkerMetrics.GRAPHS_RECEIVED, "known", "false")).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenOneUidGetsAnotherGraph_thenTheOtherKeepsIt(int device) throws IOException {
      var squaring = send(device);
      var another = new Squaring(client, device, 2);
      another.set(2);

      another.graph.send(device, 7);
      squaring.set(5);
      client.recompute(device, 8);

      assertThat(squaring.result()).isEqualTo(25);
      assertThat(another.result()).isEqualTo(4);
      assertThat(stored()).isEqualTo(2);
      assertThat(natives()).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenItsBufferIsFreed_thenBothAreGone(int device) throws IOException {
      var squaring = send(device);

      client.free(squaring.graph.buffer());
      client.sum(device, 1, 2);

      assertThat(stored()).isZero();
      assertThat(natives()).isZero();
      assertThat(archived()).isZero();
      requireUnknown(device, 8);
    }
  }

  @Nested
  class GivenOneGraphOfTwoClients {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenOneHasGone_thenTheOthersIsStillThere(int device) throws IOException {
      var mine = new Squaring(client, device);
      try (var other = RawClient.to(worker.port())) {
        // Of the same content, but with other handles and addresses.
        other.allocate(device, 4096);
        var theirs = new Squaring(other, device);
        mine.set(3);
        theirs.set(4);
        mine.graph.send(device, 7);
        theirs.graph.send(device, 9);
        assertThat(mine.result()).isEqualTo(9);
        assertThat(theirs.result()).isEqualTo(16);
        assertThat(archived()).isEqualTo(1);
        assertThat(natives()).isEqualTo(2);
      }
      until("the other client's end", () -> natives() == 1);

      mine.set(5);
      client.recompute(device, 7);

      assertThat(mine.result()).isEqualTo(25);
      assertThat(archived()).isEqualTo(1);
      client.free(mine.graph.buffer());
      client.sum(device, 1, 2);
      assertThat(archived()).isZero();
      assertThat(worker.gauge(WorkerMetrics.ARCHIVE_MEMORY)).isZero();
    }
  }

  @Nested
  class GivenRoomForNoUnusedNativeGraph {
    @BeforeEach
    void leaveNoRoom() throws IOException {
      reopen(TestConfig.withDevices("CPU", "Vulkan0").withGraphMemory("16Mi", "1"));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenAskedForInTurn_thenEachIsRebuiltAndComputesTheSame(int device) throws IOException {
      var one = new Squaring(client, device, 1);
      var two = new Squaring(client, device, 2);
      one.graph.send(device, 1);
      one.result();
      two.graph.send(device, 2);
      two.result();
      assertThat(natives()).isZero();

      for (int i = 1; i <= 10; i++) {
        one.set(i);
        client.recompute(device, 1);
        assertThat(one.result()).isEqualTo(i * i);
        two.set(-i);
        client.recompute(device, 2);
        assertThat(two.result()).isEqualTo(i * i);
      }

      assertThat(natives()).isZero();
      assertThat(worker.gauge(WorkerMetrics.GRAPHS_MEMORY)).isZero();
      assertThat(stored()).isEqualTo(2);
      assertThat(worker.count(WorkerMetrics.GRAPHS_EVICTED)).isEqualTo(22);
      assertThat(worker.count(WorkerMetrics.GRAPHS_REBUILT)).isEqualTo(20);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenSentAgain_thenItIsRebuiltToo(int device) throws IOException {
      var one = new Squaring(client, device);
      one.set(0);
      one.graph.send(device, 1);
      assertThat(one.result()).isZero();

      one.set(4);
      one.graph.send(device, 3);

      assertThat(one.result()).isEqualTo(16);
      assertThat(worker.count(WorkerMetrics.GRAPHS_REBUILT)).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenARebuiltGraphChoosesRows_thenTheirNumbersAreStillChecked(int device)
        throws IOException {
      var graph = WireGraph.on(client, device);
      var table = graph.data(F32, 4, 3);
      var rows = graph.data(TensorType.I32, 1);
      var chosen = graph.node(TensorOp.GET_ROWS, F32, 4).from(table, rows);
      client.write(table.build(), 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2f);
      client.write(rows.build(), 1);
      graph.send(device, 1);
      assertThat(client.read(chosen.build())).containsOnly(1);
      client.write(rows.build(), 2);
      client.recompute(device, 1);
      assertThat(client.read(chosen.build())).containsOnly(2);
      assertThat(worker.count(WorkerMetrics.GRAPHS_REBUILT)).isEqualTo(1);

      client.write(rows.build(), 3);
      client.recompute(device, 1);
      client.sendRead(chosen.build());

      requireRefused(ProtocolFault.OUT_OF_RANGE);
    }

    @Test
    void whenClientsCrowdEachOtherOut_thenAllResultsAreRight() throws Exception {
      try (var threads = Executors.newCachedThreadPool()) {
        var working = new ArrayList<Future<?>>();
        for (int i = 0; i < 6; i++) {
          int values = 1 + i;
          working.add(threads.submit(() -> alternate(values)));
        }
        for (var work : working) {
          work.get();
        }
      }
      assertThat(worker.count(WorkerMetrics.GRAPHS_REBUILT)).isPositive();
      assertThat(worker.count(WorkerMetrics.REJECTED)).isZero();
    }

    private Void alternate(int values) throws IOException {
      try (var mine = RawClient.to(worker.port())) {
        var one = new Squaring(mine, 0, values);
        var two = new Squaring(mine, 0, 10 + values);
        one.graph.send(0, 1);
        two.graph.send(0, 2);
        for (int i = 1; i <= 200; i++) {
          one.set(i);
          two.set(2 * i);
          mine.recompute(0, 1);
          mine.recompute(0, 2);
          assertThat(one.result()).isEqualTo(i * i);
          assertThat(two.result()).isEqualTo(4 * i * i);
        }
      }
      return null;
    }
  }

  @Nested
  class GivenRoomForTwoUnusedNativeGraphs {
    private void leaveRoom() throws IOException {
      new Squaring(client, 0).graph.send(0, 1);
      client.sum(0, 1, 2);
      long bytes = Math.round(worker.gauge(WorkerMetrics.GRAPHS_MEMORY));
      reopen(
          TestConfig.withDevices("CPU", "Vulkan0").withGraphMemory("16Mi", "" + (bytes * 5 / 2)));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenAThirdComes_thenTheOneUnusedForTheLongestTimeGoes(int device) throws IOException {
      leaveRoom();
      var graphs = new ArrayList<Squaring>();
      for (int i = 0; i < 3; i++) {
        graphs.add(new Squaring(client, device, 1 + i));
        graphs.get(i).set(1 + i);
      }
      graphs.get(0).graph.send(device, 1);
      graphs.get(1).graph.send(device, 2);
      client.recompute(device, 1);

      graphs.get(2).graph.send(device, 3);
      client.recompute(device, 1);
      client.sum(device, 1, 2);
      assertThat(worker.count(WorkerMetrics.GRAPHS_REBUILT)).isZero();
      client.recompute(device, 2);

      assertThat(graphs.get(1).result()).isEqualTo(4);
      assertThat(worker.count(WorkerMetrics.GRAPHS_REBUILT)).isEqualTo(1);
      assertThat(worker.count(WorkerMetrics.GRAPHS_EVICTED)).isEqualTo(2);
      assertThat(natives()).isEqualTo(2);
      assertThat(stored()).isEqualTo(3);
    }
  }

  @Nested
  class GivenRoomForFewGraphs {
    @BeforeEach
    void leaveLittleRoom() throws IOException {
      reopen(TestConfig.withDevices("CPU", "Vulkan0").withGraphMemory("2Ki", "16Mi"));
    }

    @Test
    void whenOneTooManyComes_thenItsClientIsRefusedAndOthersGoOn() throws IOException {
      try (var other = RawClient.to(worker.port())) {
        var theirs = new Squaring(other, 0);
        theirs.graph.send(0, 1);
        theirs.result();
        for (int values = 2; values <= 4; values++) {
          new Squaring(client, 0, values).graph.send(0, values);
        }
        requireRefused(ProtocolFault.BUDGET_EXCEEDED);
        until("the end of its graphs", () -> archived() == 1);

        theirs.set(6);
        other.recompute(0, 1);

        assertThat(theirs.result()).isEqualTo(36);
        assertThat(natives()).isEqualTo(1);
      }
    }

    @Test
    void whenKnownGraphsComeUnderNewUids_thenTheyTakeNoRoom() throws IOException {
      var squaring = new Squaring(client, 0);
      squaring.set(7);

      for (int uid = 1; uid <= 1000; uid++) {
        squaring.graph.send(0, uid);
      }

      assertThat(squaring.result()).isEqualTo(49);
      assertThat(stored()).isEqualTo(1000);
      assertThat(worker.gauge(WorkerMetrics.ARCHIVE_MEMORY)).isBetween(1.0, 1024.0);
    }
  }

  @Nested
  class GivenAGraphWithoutAUid {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenComputed_thenItIsNotKept(int device) throws IOException {
      var squaring = new Squaring(client, device);
      squaring.set(3);

      squaring.graph.send(device, 0);

      assertThat(squaring.result()).isEqualTo(9);
      assertThat(stored()).isZero();
      assertThat(natives()).isZero();
      assertThat(archived()).isZero();
      requireUnknown(device, 0);
    }
  }

  @Nested
  class GivenAsManyGraphsAsAreKept {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenOneMoreComes_thenItAloneIsKept(int device) throws IOException {
      var squaring = new Squaring(client, device);
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
      assertThat(natives()).isEqualTo(1);
      requireUnknown(device, 1);
    }
  }

  @Nested
  class GivenTheSameUidOnTwoDevices {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenOneIsComputedAgain_thenTheOtherIsNot(int device) throws IOException {
      var here = new Squaring(client, device);
      var there = new Squaring(client, 1 - device);
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
