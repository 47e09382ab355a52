// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.worker.device.Device;
import java.time.Duration;
import java.util.function.LongPredicate;

/**
 * Turns graphs from the wire into native ones. What a client says about its tensors is checked
 * here, before ggml sees any of it. Any thread.
 */
public final class GraphCompiler {
  /** What no CPU thread, and no graphics processor, does of large multiplications in a second. */
  private static final long WORK_OF_A_THREAD = 10_000_000_000L;

  private static final long WORK_OF_A_GPU = 100_000_000_000L;

  private final FallbackLog fallbacks = new FallbackLog();
  private final long timeoutSeconds;

  /**
   * A compiler of graphs that may run for a limited time.
   *
   * @param timeout what it is; a node that would take longer by far is refused
   */
  public GraphCompiler(Duration timeout) {
    this.timeoutSeconds = Math.max(1, timeout.toSeconds());
  }

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
    try (var compilation =
        new GraphCompilation(graph, device, places, working, fallbacks, mostWork(device))) {
      return compilation.compile();
    }
  }

  private long mostWork(Device device) {
    long perSecond =
        device.stopsAtNodes()
            ? WORK_OF_A_THREAD * device.threads()
            : Math.max(WORK_OF_A_GPU, WORK_OF_A_THREAD * device.threads());
    return timeoutSeconds * perSecond;
  }
}
