// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.knarr.rpc.RpcProtocolException;

/** A compact form of anything. What is accepted must be a graph that the encoder can say again. */
class CompactGraphFuzzTest {
  @FuzzTest(maxDuration = "8s")
  void aCompactFormIsAGraphOrRefusedByAType(byte[] bytes) {
    ComputeGraph graph;
    try {
      graph = CompactGraph.expand(bytes.clone(), 256, 256);
    } catch (RpcProtocolException e) {
      assertThat(e.getMessage()).isNotBlank();
      return;
    }
    assertThat(graph.tensorCount()).isLessThanOrEqualTo(bytes.length);
    for (int i = 0; i < graph.tensorCount(); i++) {
      assertThat(graph.tensor(i).byteSize()).isNotNegative();
      Expansion.requireReferencesBefore(graph, i);
    }
    Expansion.requireSame(graph);
  }
}
