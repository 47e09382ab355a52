// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.worker.device.Device;
import dev.knarr.worker.device.DeviceBuffer;
import java.util.List;
import java.util.Set;

/**
 * A checked graph, ready to be computed any number of times with what its buffers then hold. It
 * keeps addresses, so it must not outlive any of {@link #uses its buffers}. Made by a connection's
 * thread; {@link #compute} and {@link #close} run on the device's.
 */
public final class CompiledGraph implements AutoCloseable {
  private static final long BRIEF_NANOS = 3_000_000;

  private final List<GraphStep> steps;
  private final Set<DeviceBuffer> buffers;
  private final int fallbackNodes;
  private volatile long lastNanos = Long.MAX_VALUE;

  CompiledGraph(List<GraphStep> steps, Set<DeviceBuffer> buffers, int fallbackNodes) {
    this.steps = List.copyOf(steps);
    this.buffers = Set.copyOf(buffers);
    this.fallbackNodes = fallbackNodes;
  }

  /**
   * Computes all nodes in order and returns when the results are in memory.
   *
   * @return how long it took, in nanoseconds
   */
  public long compute(Device device) {
    long start = System.nanoTime();
    for (var step : steps) {
      step.run(device);
    }
    long nanos = System.nanoTime() - start;
    lastNanos = nanos;
    return nanos;
  }

  /** Whether it took so little time that handing it to another thread would be felt. */
  public boolean isBrief() {
    return lastNanos < BRIEF_NANOS;
  }

  /** Whether a tensor of the graph lies in {@code buffer}. */
  public boolean uses(DeviceBuffer buffer) {
    return buffers.contains(buffer);
  }

  /** Bytes of native memory held. */
  public long nativeBytes() {
    return steps.stream().mapToLong(GraphStep::nativeBytes).sum();
  }

  /** How many nodes are computed on the CPU because the device cannot. */
  public int fallbackNodes() {
    return fallbackNodes;
  }

  @Override
  public void close() {
    steps.forEach(GraphStep::close);
  }
}
