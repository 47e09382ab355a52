// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.result;
import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class NodeWorkTest {
  /** The work of an operation, given its operands. */
  private static long work(Draft node, Draft... operands) {
    var tensors = new ArrayList<RpcTensor>();
    long[] ids = new long[operands.length];
    for (int i = 0; i < operands.length; i++) {
      ids[i] = i + 1L;
      tensors.add(operands[i].id(i + 1L).build());
    }
    tensors.add(node.id(100).sources(ids).build());
    return NodeWork.of(ComputeGraph.of(new long[] {100}, List.copyOf(tensors)), ids.length);
  }

  @Nested
  class GivenAMultiplication {
    @Test
    void whenItIsOfMatrices_thenEveryProductCounts() {
      assertThat(work(result(TensorOp.MUL_MAT, F32, 7, 5), data(F32, 64, 7), data(F32, 64, 5)))
          .isEqualTo(64 * 7 * 5);
    }

    @Test
    void whenExpertsAreChosen_thenOnlyTheChosenCount() {
      assertThat(
              work(
                  result(TensorOp.MUL_MAT_ID, F32, 7, 2, 5),
                  data(F32, 64, 7, 100),
                  data(F32, 64, 2, 5),
                  data(I32, 2, 5)))
          .isEqualTo(64 * 7 * 2 * 5);
    }

    @Test
    void whenItsExtentsLeave63Bits_thenItIsTheMostThereIs() {
      int large = Integer.MAX_VALUE;
      assertThat(
              work(
                  result(TensorOp.MUL_MAT, F32, 7).extents(large, large, 4, 1).strides(4, 4, 4, 4),
                  data(F32, 64, 7),
                  data(F32, 64, 5)))
          .isEqualTo(Long.MAX_VALUE);
    }
  }

  @Nested
  class GivenAttention {
    @Test
    void whenAPromptLooksBack_thenEveryPairCountsTwice() {
      assertThat(
              work(
                  result(TensorOp.FLASH_ATTN_EXT, F32, 64, 8, 10),
                  data(F32, 64, 10, 8),
                  data(F16, 64, 256, 8),
                  data(F16, 64, 256, 8)))
          .isEqualTo(2L * 64 * 10 * 8 * 256);
    }
  }

  @Nested
  class GivenAConvolution {
    @Test
    void whenItIsOfAnImage_thenEveryPlaceTakesTheWholeKernel() {
      assertThat(
              work(
                  result(TensorOp.CONV_2D, F32, 30, 30, 16),
                  data(F32, 3, 3, 8, 16),
                  data(F32, 32, 32, 8)))
          .isEqualTo(30L * 30 * 16 * 3 * 3 * 8);
    }
  }

  @Nested
  class GivenAnOperationOnElements {
    @Test
    void whenItReducesThem_thenEachOfThemCounts() {
      assertThat(work(result(TensorOp.SUM_ROWS, F32, 1, 10), data(F32, 1000, 10)))
          .isEqualTo(10_000);
    }

    @Test
    void whenItIsAView_thenThereIsNothingToDo() {
      assertThat(work(result(TensorOp.VIEW, F32, 10), data(F32, 1000))).isZero();
    }
  }
}
