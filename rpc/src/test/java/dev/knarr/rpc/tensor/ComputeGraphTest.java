// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.testkit.CapturedSession;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ComputeGraphTest {
  private static final RpcTensor WEIGHT = tensor(10).build();
  private static final RpcTensor SUM =
      tensor(20).op(TensorOp.ADD).source(0, 10).source(1, 10).flags(16).build();
  private static final RpcTensor VIEW =
      tensor(30).op(TensorOp.VIEW).source(0, 20).view(20, 0).build();

  @Nested
  class GivenAWellFormedGraph {
    private final ComputeGraph graph =
        ComputeGraph.of(new long[] {20, 30}, List.of(WEIGHT, SUM, VIEW));

    @Test
    void whenReferencesAreAsked_thenTheyAreIndices() {
      assertThat(graph.nodeCount()).isEqualTo(2);
      assertThat(graph.nodeId(1)).isEqualTo(30);
      assertThat(graph.nodeIndex(0)).isEqualTo(1);
      assertThat(graph.sourceIndex(1, 1)).isZero();
      assertThat(graph.sourceIndex(1, 2)).isEqualTo(-1);
      assertThat(graph.viewSourceIndex(2)).isEqualTo(1);
      assertThat(graph.viewSourceIndex(1)).isEqualTo(-1);
      assertThat(graph.tensor(1)).isEqualTo(SUM);
    }

    @Test
    void whenItIsEncodedAndDecoded_thenItIsTheSame() {
      byte[] bytes = bytes(graph);

      ComputeGraph copy = ComputeGraph.decode(bytes, 2, 3);

      assertThat(copy).isEqualTo(graph).hasSameHashCodeAs(graph);
      assertThat(graph.encodedBytes()).isEqualTo(8 + 2 * 8 + 3 * 296).isEqualTo(bytes.length);
    }

    @Test
    void whenItHasNoNodes_thenItIsTaken() {
      assertThat(ComputeGraph.of(new long[0], List.of()).nodeCount()).isZero();
    }

    @Test
    void whenItIsOverALimit_thenTheFaultSaysSoBeforeAnythingIsBuilt() {
      assertThat(fault(() -> ComputeGraph.decode(bytes(graph), 1, 3)))
          .isEqualTo(ProtocolFault.BUDGET_EXCEEDED);
      assertThat(fault(() -> ComputeGraph.decode(bytes(graph), 2, 2)))
          .isEqualTo(ProtocolFault.BUDGET_EXCEEDED);
    }
  }

  @Nested
  class GivenEveryRecordedGraph {
    @Test
    void whenItIsDecoded_thenOperandsComeBeforeTheirUsersAndViewsLieInTheirSource() {
      int graphs = 0;
      for (var message : CapturedSession.allMessages()) {
        if (message.command().equals("GRAPH_COMPUTE")) {
          ByteBuffer payload = message.requestPayload().position(12);
          byte[] bytes = new byte[payload.remaining()];
          payload.get(bytes);

          ComputeGraph graph = ComputeGraph.decode(bytes, 1000, 1000);

          graphs++;
          for (int i = 0; i < graph.tensorCount(); i++) {
            RpcTensor tensor = graph.tensor(i);
            for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
              int source = graph.sourceIndex(i, k);
              assertThat(source).isLessThan(i);
              assertThat(source < 0 ? 0 : graph.tensor(source).id()).isEqualTo(tensor.source(k));
            }
            int view = graph.viewSourceIndex(i);
            if (view >= 0) {
              assertThat(tensor.data()).isEqualTo(graph.tensor(view).data() + tensor.viewOffset());
            }
          }
          for (int i = 0; i < graph.nodeCount(); i++) {
            assertThat(graph.tensor(graph.nodeIndex(i)).id()).isEqualTo(graph.nodeId(i));
          }
        }
      }
      assertThat(graphs).isPositive();
    }
  }

  @Nested
  class GivenAMalformedGraph {
    @Test
    void whenItIsShortOrLong_thenItIsRefused() {
      byte[] bytes = bytes(ComputeGraph.of(new long[] {20}, List.of(WEIGHT, SUM)));
      for (int length = 0; length < bytes.length; length++) {
        byte[] cut = Arrays.copyOf(bytes, length);
        assertThat(fault(() -> ComputeGraph.decode(cut, 100, 100)))
            .isIn(ProtocolFault.BAD_GRAPH, ProtocolFault.BUDGET_EXCEEDED);
      }
      byte[] longer = Arrays.copyOf(bytes, bytes.length + 1);
      assertThat(fault(() -> ComputeGraph.decode(longer, 100, 100)))
          .isEqualTo(ProtocolFault.BAD_GRAPH);
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 0x1000_0000, 0x2000_0000})
    void whenACountIsHuge_thenNoSumOverflows(int count) {
      byte[] nodes = new byte[64];
      LittleEndian.putInt(nodes, 0, count);
      byte[] tensors = new byte[64];
      LittleEndian.putInt(tensors, 4, count);

      assertThat(fault(() -> ComputeGraph.decode(nodes, Integer.MAX_VALUE, Integer.MAX_VALUE)))
          .isIn(ProtocolFault.BAD_GRAPH, ProtocolFault.BUDGET_EXCEEDED);
      assertThat(fault(() -> ComputeGraph.decode(tensors, Integer.MAX_VALUE, Integer.MAX_VALUE)))
          .isIn(ProtocolFault.BAD_GRAPH, ProtocolFault.BUDGET_EXCEEDED);
    }

    @Test
    void whenANodeIsZeroUnknownOrTwice_thenItIsRefused() {
      refused(ProtocolFault.BAD_GRAPH, new long[] {0}, WEIGHT);
      refused(ProtocolFault.BAD_GRAPH, new long[] {11}, WEIGHT);
      refused(ProtocolFault.BAD_GRAPH, new long[] {10, 10}, WEIGHT);
    }

    @Test
    void whenADescriptorIsNullOrTwice_thenItIsRefused() {
      refused(ProtocolFault.BAD_GRAPH, new long[0], RpcTensor.none());
      refused(ProtocolFault.BAD_GRAPH, new long[0], WEIGHT, WEIGHT);
    }

    @Test
    void whenAReferenceIsUnknownForwardOrToItself_thenItIsRefused() {
      refused(ProtocolFault.BAD_GRAPH, new long[] {20}, SUM);
      refused(ProtocolFault.BAD_GRAPH, new long[] {20}, SUM, WEIGHT);
      refused(ProtocolFault.BAD_GRAPH, new long[] {1}, tensor(1).source(3, 1).build());
      refused(ProtocolFault.BAD_GRAPH, new long[] {1}, tensor(1).view(1, 0).build());
      refused(ProtocolFault.BAD_GRAPH, new long[] {30}, WEIGHT, VIEW);
    }

    @Test
    void whenOnlyTheTargetOfACastIsItself_thenItIsTaken() {
      RpcTensor cast = tensor(2).op(TensorOp.CPY).source(0, 1).source(1, 2).build();

      ComputeGraph graph = ComputeGraph.of(new long[] {2}, List.of(tensor(1).build(), cast));

      assertThat(graph.sourceIndex(1, 1)).isEqualTo(1);
      refused(
          ProtocolFault.BAD_GRAPH,
          new long[] {2},
          tensor(1).build(),
          cast.toBuilder().op(TensorOp.ADD).build());
    }

    @Test
    void whenAnOperationIsUnknownOrAFunctionOfTheClient_thenItIsRefused() {
      for (int op : new int[] {92, 93, 94, 95, 101, -1, Integer.MAX_VALUE}) {
        refused(ProtocolFault.UNSUPPORTED_OP, new long[] {1}, tensor(1).op(op).build());
      }
    }

    @Test
    void whenATypeOrSizeIsImpossible_thenItIsRefused() {
      long max = 0xffff_ffffL;
      refused(ProtocolFault.BAD_TENSOR_TYPE, new long[] {1}, tensor(1).type(4).build());
      refused(
          ProtocolFault.SIZE_OVERFLOW,
          new long[] {1},
          tensor(1).shape(new TensorShape(max, max, max, max, max, max, max, max)).build());
    }

    @Test
    void whenThereIsAnAddressWithoutABuffer_thenItIsRefused() {
      refused(ProtocolFault.BAD_GRAPH, new long[] {1}, tensor(1).buffer(0).data(4096).build());
    }

    @Test
    void whenAViewHasAnImpossibleOffset_thenItIsRefused() {
      refused(ProtocolFault.BAD_GRAPH, new long[] {1}, WEIGHT, tensor(1).view(10, -1).build());
    }
  }

  @Nested
  class GivenALongChain {
    @Test
    void whenOperandsAre50000Deep_thenItIsDecodedWithoutRecursion() {
      List<RpcTensor> chain = new ArrayList<>();
      chain.add(tensor(1).build());
      for (int i = 2; i <= 50_000; i++) {
        chain.add(tensor(i).op(TensorOp.ADD).source(0, i - 1).build());
      }

      ComputeGraph graph = ComputeGraph.of(new long[] {50_000}, chain);

      assertThat(graph.sourceIndex(49_999, 0)).isEqualTo(49_998);
    }
  }

  private static RpcTensorBuilder tensor(long id) {
    return RpcTensor.builder().id(id).buffer(1).data(64);
  }

  private static byte[] bytes(ComputeGraph graph) {
    byte[] bytes = new byte[(int) graph.encodedBytes()];
    graph.encoded().get(bytes);
    return bytes;
  }

  private static void refused(ProtocolFault fault, long[] nodes, RpcTensor... tensors) {
    assertThat(fault(() -> ComputeGraph.of(nodes, List.of(tensors)))).isEqualTo(fault);
  }

  private static ProtocolFault fault(Runnable call) {
    return catchThrowableOfType(RpcProtocolException.class, call::run).fault();
  }
}
