// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static dev.knarr.rpc.tensor.TensorType.F32;
import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Graphs that look odd and are legal: section 8 of the protocol. */
class OddGraphTest {
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

  @Nested
  class GivenANodeWithoutTheComputeFlag {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenTheGraphIsComputed_thenItsMemoryIsLeftAlone(int device) throws IOException {
      var graph = WireGraph.on(client, device);
      var x = graph.data(F32, 2);
      var left = graph.node(TensorOp.SQR, F32, 2).from(x).with(it -> it.flags(0));
      var squares = graph.node(TensorOp.SQR, F32, 2).from(x);
      client.write(x.build(), 3f, 4f);
      client.write(left.build(), 7f, 7f);

      graph.send(device, 1);

      assertThat(client.read(squares.build())).containsExactly(9f, 16f);
      assertThat(client.read(left.build())).containsExactly(7f, 7f);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenItsOperandsLieElsewhere_thenTheRestIsComputed(int device) throws IOException {
      var graph = WireGraph.on(client, device);
      var elsewhere = graph.data(F32, 2).elsewhere();
      var x = graph.data(F32, 2);
      graph.node(TensorOp.SQR, F32, 2).from(elsewhere).with(it -> it.flags(0));
      var squares = graph.node(TensorOp.SQR, F32, 2).from(x);
      client.write(x.build(), 3f, 4f);

      graph.send(device, 1);

      assertThat(client.read(squares.build())).containsExactly(9f, 16f);
    }
  }

  @Nested
  class GivenADescriptorThatIsNoNode {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenItHasAnOperation_thenItIsDataAllTheSame(int device) throws IOException {
      var graph = WireGraph.on(client, device);
      var x = graph.data(F32, 2);
      var earlier =
          graph.data(F32, 2).from(x).with(it -> it.op(TensorOp.SQR).flags(RpcTensor.FLAG_COMPUTE));
      var squares = graph.node(TensorOp.SQR, F32, 2).from(earlier);
      client.write(x.build(), 100f, 100f);
      client.write(earlier.build(), 3f, 4f);

      graph.send(device, 1);

      assertThat(client.read(squares.build())).containsExactly(9f, 16f);
      assertThat(client.read(earlier.build())).containsExactly(3f, 4f);
    }
  }

  @Nested
  class GivenAChainOf50000Nodes {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenComputed_thenNoStackOverflowsAndTheSumIsRight(int device) throws IOException {
      int links = 50_000;
      var graph = WireGraph.on(client, device);
      var one = graph.data(F32, 1);
      var sum = graph.data(F32, 1);
      client.write(one.build(), 1f);
      client.write(sum.build(), 0f);
      var last = sum;
      for (int i = 0; i < links; i++) {
        last = graph.node(TensorOp.ADD, F32, 1).from(last, one).viewOf(sum, 0);
      }

      graph.send(device, 1);

      assertThat(client.read(sum.build())).containsExactly((float) links);
    }
  }

  @Nested
  class GivenAGraphWithoutNodes {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenSent_thenTheClientIsServedOn(int device) throws IOException {
      client.sendBytes(Frames.graph(device, 1, List.of(), List.of()));
      client.recompute(device, 1);

      assertThat(client.sum(device, 2, 3)).isEqualTo(5);
    }
  }
}
