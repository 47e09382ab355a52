// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import static org.assertj.core.api.Assertions.assertThat;

/** What a graph must be after it was made compact and expanded: itself, under other names. */
final class Expansion {
  private Expansion() {}

  /** Base addresses as a server may have chosen them. */
  static long base(long handle) {
    return handle << 40 | 0x1000;
  }

  /** Makes {@code graph} compact and demands that all comes back, and nothing twice. */
  static CompactGraph requireSame(ComputeGraph graph) {
    CompactGraph compact = CompactGraph.of(graph, Expansion::base);
    ComputeGraph expanded =
        CompactGraph.expand(compact.bytes(), Integer.MAX_VALUE, Integer.MAX_VALUE);
    long[] handles = compact.buffers();
    assertThat(handles).doesNotHaveDuplicates().doesNotContain(0);
    assertThat(expanded.tensorCount()).isEqualTo(graph.tensorCount());
    assertThat(expanded.nodeCount()).isEqualTo(graph.nodeCount());
    for (int i = 0; i < graph.nodeCount(); i++) {
      assertThat(expanded.nodeIndex(i)).isEqualTo(graph.nodeIndex(i));
    }
    for (int i = 0; i < graph.tensorCount(); i++) {
      RpcTensor tensor = expanded.tensor(i);
      RpcTensorBuilder back = tensor.toBuilder().id(graph.tensor(i).id());
      for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
        back.source(k, id(graph, expanded.sourceIndex(i, k)));
      }
      back.view(id(graph, expanded.viewSourceIndex(i)), tensor.viewOffset());
      if (tensor.buffer() != 0) {
        long handle = handles[(int) tensor.buffer() - 1];
        back.buffer(handle).data(base(handle) + tensor.data());
      }
      // What is behind the end of a name is no part of it.
      RpcTensor original = graph.tensor(i);
      assertThat(tensor.name()).isEqualTo(original.name());
      assertThat(back.name("").build()).isEqualTo(original.toBuilder().name("").build());
    }
    return compact;
  }

  /**
   * Demands that a descriptor refers to none but those before it: what native code relies on. Only
   * the target of a cast is the descriptor itself.
   */
  static void requireReferencesBefore(ComputeGraph graph, int index) {
    assertThat(graph.viewSourceIndex(index)).isBetween(-1, index - 1);
    for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
      boolean cast = k == 1 && graph.tensor(index).op() == TensorOp.CPY.code();
      assertThat(graph.sourceIndex(index, k)).isBetween(-1, cast ? index : index - 1);
    }
  }

  private static long id(ComputeGraph graph, int index) {
    return index < 0 ? 0 : graph.tensor(index).id();
  }
}
