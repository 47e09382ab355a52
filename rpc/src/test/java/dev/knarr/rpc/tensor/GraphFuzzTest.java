// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.knarr.rpc.RpcProtocolException;
import java.nio.ByteBuffer;

/** A graph of anything. What is accepted must keep every promise that native code relies on. */
class GraphFuzzTest {
  @FuzzTest(maxDuration = "12s")
  void aGraphIsWellFormedOrRefusedByAType(byte[] payload) {
    ComputeGraph graph;
    try {
      graph = ComputeGraph.decode(payload.clone(), 256, 256);
    } catch (RpcProtocolException e) {
      assertThat(e.getMessage()).isNotBlank();
      return;
    }
    assertThat(graph.encoded()).isEqualTo(ByteBuffer.wrap(payload));
    for (int i = 0; i < graph.tensorCount(); i++) {
      RpcTensor tensor = graph.tensor(i);
      assertThat(tensor.id()).isNotZero();
      assertThat(tensor.byteSize()).isNotNegative();
      assertThat(TensorOp.ofCode(tensor.op())).isPresent();
      Expansion.requireReferencesBefore(graph, i);
    }
    for (int i = 0; i < graph.nodeCount(); i++) {
      assertThat(graph.tensor(graph.nodeIndex(i)).id()).isEqualTo(graph.nodeId(i));
    }
    Expansion.requireSame(graph);
  }
}
