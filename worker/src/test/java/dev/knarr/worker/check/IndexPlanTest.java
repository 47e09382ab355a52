// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BUDGET_EXCEEDED;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.rpc.tensor.TensorType.I64;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.result;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class IndexPlanTest {
  private static final long TABLE = 0x10000;
  private static final long IDS = 0x20000;
  private static final long ROWS = 0x30000;
  private static final long SCORES = 0x40000;

  private final Draft table = data(F32, 4, 8).id(1).at(TABLE);
  private final Draft scores = data(F32, 8, 3).id(2).at(SCORES);

  @Nested
  class GivenRowNumbersFromTheClient {
    private final Draft ids = data(I32, 3).id(3).at(IDS);

    @Test
    void whenNoNodeWritesThem_thenTheyAreReadBeforeTheGraph() {
      ComputeGraph graph = graph(table, ids, rows(3));

      assertThat(IndexPlan.of(graph).reads()).containsExactly(new IndexPlan.Read(-1, 1, I32, 8));
    }

    @Test
    void whenANodeWritesOverThem_thenTheyAreReadBeforeTheirUser() {
      Draft over = result(TensorOp.SQR, F32, 4, 8).id(4).at(IDS - 64).sources(1);
      ComputeGraph graph = graph(table, ids, over, rows(3));

      assertThat(IndexPlan.of(graph).reads()).containsExactly(new IndexPlan.Read(1, 1, I32, 8));
    }

    @Test
    void whenTheirUserWritesOverThem_thenTheGraphIsRefused() {
      ComputeGraph graph = graph(table, ids, rows(3).at(IDS - 16));

      assertThatThrownBy(() -> IndexPlan.of(graph))
          .isInstanceOfSatisfying(
              RpcProtocolException.class, e -> assertThat(e.fault()).isEqualTo(OUT_OF_RANGE));
    }

    @Test
    void whenTwoNodesUseThem_thenTheyAreReadOnceWithTheSmallerBound() {
      Draft small = data(F32, 4, 5).id(4).at(0x50000);
      Draft more = result(TensorOp.GET_ROWS, F32, 4, 3).id(5).at(0x60000).sources(4, 3);
      ComputeGraph graph = graph(table, ids, small, rows(3), more);

      assertThat(IndexPlan.of(graph).reads()).containsExactly(new IndexPlan.Read(-1, 1, I32, 5));
    }
  }

  @Nested
  class GivenRowNumbersOfASort {
    private final Draft sorted = result(TensorOp.ARGSORT, I32, 8, 3).id(3).at(IDS).sources(2);
    private final Draft first =
        result(TensorOp.VIEW, I32, 3).id(4).at(IDS + 32).viewOf(3, 32).sources(3);

    @Test
    void whenTheyReachTheirUserUntouched_thenNothingIsRead() {
      ComputeGraph graph = graph(table, scores, sorted, first, rows(4));

      assertThat(IndexPlan.of(graph).reads()).isEmpty();
      assertThat(IndexPlan.of(graph).knownBound(2, 3)).hasValue(8);
    }

    @Test
    void whenTheSortedRowsLieOverEachOther_thenTheyAreReadBeforeTheirUser() {
      // As many bytes as elements, of which the sort writes only the first: rows are nb[1] apart.
      Draft heap =
          result(TensorOp.ARGSORT, I32, 8, 1, 3).id(3).at(IDS).strides(4, 4, 32, 96).sources(2);
      ComputeGraph graph = graph(table, scores, heap, first, rows(4));

      assertThat(IndexPlan.of(graph).reads()).hasSize(1).noneMatch(IndexPlan.Read::beforeGraph);
      assertThat(IndexPlan.of(graph).distinctInRows(2, 3)).isFalse();
    }

    @Test
    void whenARowOfThemIsTaken_thenNoNumberIsInItTwice() {
      ComputeGraph graph = graph(table, scores, sorted, first, rows(4));

      assertThat(IndexPlan.of(graph).distinctInRows(2, 3)).isTrue();
    }

    @Test
    void whenTheEndOfOneRowAndTheBeginOfTheNextAreTaken_thenANumberMayBeInThemTwice() {
      Draft across = result(TensorOp.VIEW, I32, 4).id(4).at(IDS + 24).viewOf(3, 24).sources(3);
      ComputeGraph graph = graph(table, scores, sorted, across, rows(4));

      assertThat(IndexPlan.of(graph).distinctInRows(2, 3)).isFalse();
    }

    @Test
    void whenTheyWereCopied_thenNothingIsRead() {
      Draft copy = result(TensorOp.CONT, I32, 3).id(5).at(0x70000).sources(4);
      ComputeGraph graph = graph(table, scores, sorted, first, copy, rows(5));

      assertThat(IndexPlan.of(graph).reads()).isEmpty();
    }

    @Test
    void whenAnotherNodeWritesInBetween_thenTheyAreReadBeforeTheirUser() {
      Draft over = result(TensorOp.SQR, F32, 8, 3).id(5).at(IDS).sources(2);
      ComputeGraph graph = graph(table, scores, sorted, over, first, rows(4));

      assertThat(IndexPlan.of(graph).reads()).hasSize(1).noneMatch(IndexPlan.Read::beforeGraph);
    }

    @Test
    void whenTheSortIsNotComputed_thenTheyAreReadBeforeTheGraph() {
      ComputeGraph graph = graph(table, scores, sorted.flags(0), first, rows(4));

      assertThat(IndexPlan.of(graph).reads()).hasSize(1).allMatch(IndexPlan.Read::beforeGraph);
    }

    @Test
    void whenTheTableHasFewerRowsThanWereSorted_thenTheyAreReadBeforeTheirUser() {
      Draft small = data(F32, 4, 7).id(1).at(TABLE);
      ComputeGraph graph = graph(small, scores, sorted, first, rows(4));

      assertThat(IndexPlan.of(graph).reads()).hasSize(1).noneMatch(IndexPlan.Read::beforeGraph);
    }
  }

  @Nested
  class GivenRowNumbersThatWereComputed {
    @Test
    void whenTheyAreSums_thenTheyAreReadBeforeTheirUser() {
      Draft sum = result(TensorOp.ADD, F32, 8, 3).id(3).at(IDS).sources(2, 2);
      Draft cast = result(TensorOp.CPY, I32, 8, 3).id(4).at(0x70000).sources(3, 5);
      Draft target = data(I32, 8, 3).id(5).at(0x70000);
      Draft ids = result(TensorOp.VIEW, I32, 3).id(6).at(0x70000).sources(4);
      ComputeGraph graph = graph(table, scores, sum, target, cast, ids, rows(6));

      assertThat(IndexPlan.of(graph).reads()).hasSize(1).noneMatch(IndexPlan.Read::beforeGraph);
    }
  }

  @Nested
  class GivenRowsToWrite {
    @Test
    void whenTheNumbersAre64Bits_thenTheBoundIsTheDestination() {
      Draft ids = data(I64, 3).id(3).at(IDS);
      Draft values = data(F32, 4, 3).id(4).at(0x50000);
      Draft set =
          result(TensorOp.SET_ROWS, F32, 4, 8).id(5).at(TABLE).viewOf(1, 0).sources(4, 3, 1);
      ComputeGraph graph = graph(table, ids, values, set);

      assertThat(IndexUse.of(graph, 0)).containsExactly(new IndexUse(1, I64, 8));
    }
  }

  private static Draft rows(long ids) {
    return result(TensorOp.GET_ROWS, F32, 4, 3).id(9).at(ROWS).sources(1, ids);
  }

  /** Every descriptor with an operation is a node. */
  private static ComputeGraph graph(Draft... tensors) {
    List<RpcTensor> descriptors = Arrays.stream(tensors).map(Draft::build).toList();
    long[] nodes =
        descriptors.stream().filter(it -> it.op() != 0).mapToLong(RpcTensor::id).toArray();
    return ComputeGraph.of(nodes, descriptors);
  }

  @Nested
  class GivenAGraphOfManyNodes {
    private static final int PAIRS = 60_000;
    private static final long ROW_BYTES = 16;

    /** All of them write above the numbers: one look at the whole is enough. */
    @Test
    void whenEveryOtherNodeUsesRowNumbers_thenTheStepsGrowAboutAsTheNodes() {
      ComputeGraph graph = alternating(PAIRS, IDS);

      IndexPlan plan = IndexPlan.of(graph);

      assertThat(plan.reads()).hasSize(1);
      // A look at every earlier node would take 3,600,000,000.
      assertThat(plan.comparisons()).isLessThan(40L * 2 * PAIRS);
    }

    /** Every stretch of nodes reaches around the numbers, and no node touches them. */
    @Test
    void whenNodesWriteAllAroundTheNumbers_thenTheGraphIsRefusedAfterABoundedTime() {
      long above = ROWS + (PAIRS + 1) * ROW_BYTES;
      ComputeGraph graph = alternating(PAIRS, above);

      assertThatThrownBy(() -> IndexPlan.of(graph))
          .isInstanceOfSatisfying(
              RpcProtocolException.class, e -> assertThat(e.fault()).isEqualTo(BUDGET_EXCEEDED));
    }

    /**
     * Pairs of nodes: one takes a row by a number of the client's at {@code ids}, one writes far
     * behind it.
     */
    private ComputeGraph alternating(int pairs, long ids) {
      var tensors = new ArrayList<RpcTensor>();
      long[] nodes = new long[2 * pairs];
      tensors.add(data(F32, 4, 8).id(1).at(TABLE).build());
      tensors.add(data(I32, 1).id(2).at(ids).build());
      for (int i = 0; i < pairs; i++) {
        nodes[2 * i] = 3 + 2L * i;
        nodes[2 * i + 1] = 4 + 2L * i;
        tensors.add(
            result(TensorOp.GET_ROWS, F32, 4)
                .id(nodes[2 * i])
                .flags(RpcTensor.FLAG_COMPUTE)
                .at(ROWS + i * ROW_BYTES)
                .sources(1, 2)
                .build());
        tensors.add(
            result(TensorOp.SQR, F32, 4)
                .id(nodes[2 * i + 1])
                .flags(RpcTensor.FLAG_COMPUTE)
                .at(0x10000000L + i * ROW_BYTES)
                .sources(nodes[2 * i])
                .build());
      }
      return ComputeGraph.of(nodes, tensors);
    }
  }
}
