// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.result;
import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class ScratchMemoryTest {
  private static final long MIB = 1 << 20;

  @Nested
  class GivenAGraph {
    @Test
    void whenItMultipliesAMatrix_thenTheColumnsCount() {
      ComputeGraph graph =
          graph(
              data(F32, 1024, 8).id(1),
              data(F32, 1024, 1024).id(2),
              result(TensorOp.MUL_MAT, F32, 8, 1024).id(3).sources(1, 2));

      assertThat(ScratchMemory.bytes(graph, 2)).isBetween(4 * MIB, 8 * MIB);
    }

    @Test
    void whenManyExpertsMeetManyChoices_thenTheirProductCounts() {
      ComputeGraph graph =
          graph(
              data(F32, 1, 1, 1_000_000).id(1),
              data(F32, 1, 1, 1000).id(2),
              data(I32, 1000, 1000).id(3),
              result(TensorOp.MUL_MAT_ID, F32, 1, 1000, 1000).id(4).sources(1, 2, 3));

      assertThat(ScratchMemory.bytes(graph, 2)).isGreaterThan(7_000_000 * MIB);
    }

    @Test
    void whenItOnlyHasViews_thenNothingIsNeeded() {
      ComputeGraph graph =
          graph(data(F32, 8).id(1), result(TensorOp.VIEW, F32, 4).id(2).viewOf(1, 0).sources(1));

      assertThat(ScratchMemory.bytes(graph, 2)).isZero();
    }
  }

  private static ComputeGraph graph(Draft... tensors) {
    List<RpcTensor> descriptors = Arrays.stream(tensors).map(Draft::build).toList();
    return ComputeGraph.of(new long[] {descriptors.getLast().id()}, descriptors);
  }
}
