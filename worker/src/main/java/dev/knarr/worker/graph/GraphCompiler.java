// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.worker.device.Device;
import java.util.function.LongPredicate;

/**
 * Turns graphs from the wire into native ones. What a client says about its tensors is checked
 * here, before ggml sees any of it. Any thread.
 */
public final class GraphCompiler {
  private final FallbackLog fallbacks = new FallbackLog();

  /**
   * Checks a graph and builds it for {@code device}.
   *
   * @param places finds the memory of descriptors
   * @param working takes native memory from the device's working memory; false if it cannot
   * @throws dev.knarr.rpc.RpcProtocolException if anything in the graph is invalid, or neither the
   *     device nor the CPU can compute it
   */
  public CompiledGraph compile(
      ComputeGraph graph, Device device, TensorPlaces places, LongPredicate working) {
    try (var compilation = new GraphCompilation(graph, device, places, working, fallbacks)) {
      return compilation.compile();
    }
  }
}
