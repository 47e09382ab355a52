// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.result;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.TensorOp;
import java.util.Arrays;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class GraphCheckTest {
  @Nested
  class GivenAView {
    private final Draft cache = data(F32, 64).id(1).at(4096).name("cache");

    @Test
    void whenItLiesInItsSource_thenItPasses() {
      ComputeGraph graph = graph(cache, view(16, 4096 + 64, 64));

      assertThatCode(() -> GraphCheck.check(graph)).doesNotThrowAnyException();
    }

    @Test
    void whenItReachesBehindItsSource_thenItIsRefused() {
      assertRefused(OUT_OF_RANGE, "inside the 256 bytes of 'cache'", cache, view(16, 4292, 196));
    }

    @Test
    void whenItsOffsetLeaves63Bits_thenItIsRefused() {
      assertRefused(BAD_GRAPH, "offset", cache, view(16, 4096, -64));
    }

    @Test
    void whenItsAddressIsElsewhere_thenItIsRefused() {
      assertRefused(OUT_OF_RANGE, "is not offset 64", cache, view(16, 8192, 64));
    }

    @Test
    void whenItIsAViewOfAView_thenItIsRefused() {
      Draft second = view(4, 4096 + 64, 0).id(3).viewOf(2, 0);

      assertRefused(BAD_GRAPH, "view of a view", cache, view(16, 4096 + 64, 64), second);
    }

    private Draft view(long elements, long address, long offset) {
      return result(TensorOp.VIEW, F32, elements).id(2).at(address).viewOf(1, offset).sources(1);
    }
  }

  @Nested
  class GivenANodeThatNothingCanCompute {
    private final Draft left = data(F32, 4).id(1);
    private final Draft sum = result(TensorOp.ADD, F32, 5).id(2).sources(1, 1);

    @Test
    void whenItIsToBeComputed_thenTheGraphIsRefused() {
      assertRefused(BAD_SHAPE, "ADD", left, sum);
    }

    @Test
    void whenItIsThereForItsShape_thenTheGraphPasses() {
      ComputeGraph graph = graph(left, sum.flags(0));

      assertThatCode(() -> GraphCheck.check(graph)).doesNotThrowAnyException();
    }
  }

  /** The last descriptor is the node. */
  private static ComputeGraph graph(Draft... tensors) {
    var descriptors = Arrays.stream(tensors).map(Draft::build).toList();
    return ComputeGraph.of(new long[] {descriptors.getLast().id()}, descriptors);
  }

  private static void assertRefused(ProtocolFault fault, String text, Draft... tensors) {
    assertThatThrownBy(() -> GraphCheck.check(graph(tensors)))
        .hasMessageContaining(text)
        .isInstanceOfSatisfying(
            RpcProtocolException.class, e -> assertThat(e.fault()).isEqualTo(fault));
  }
}
