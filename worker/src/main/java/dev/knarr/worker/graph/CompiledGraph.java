// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.worker.device.Device;
import java.util.List;

/**
 * A checked graph, ready to be computed any number of times with what its buffers then hold. It
 * keeps addresses, so it must not outlive any of its buffers. {@link #compute} belongs in a task of
 * the device; any thread may make it, and close it when it is not being computed.
 */
public final class CompiledGraph implements AutoCloseable {
  private static final long BRIEF_NANOS = 3_000_000;

  private final Device device;
  private final List<GraphStep> steps;
  private final int fallbackNodes;
  private final long reservedBytes;
  private volatile long lastNanos = Long.MAX_VALUE;

  /** Takes over the steps, and {@code reservedBytes} of the device's working memory. */
  CompiledGraph(Device device, List<GraphStep> steps, int fallbackNodes, long reservedBytes) {
    this.device = device;
    this.reservedBytes = reservedBytes;
    this.steps = List.copyOf(steps);
    this.fallbackNodes = fallbackNodes;
  }

  /**
   * Computes all nodes in order and returns when the results are in memory.
   *
   * @return how long it took, in nanoseconds
   * @throws dev.knarr.rpc.RpcProtocolException TIMEOUT when it was stopped
   */
  public long compute() {
    long nanos =
        device.runGraph(
            running -> {
              for (var step : steps) {
                running.requireNotStopped();
                step.run(device);
              }
            });
    lastNanos = nanos;
    return nanos;
  }

  /**
   * Whether it took so little time that handing it to another thread would be felt. Work for the
   * CPU beside the device goes to the device's thread always: OpenMP would keep a team of threads
   * for every other one.
   */
  public boolean isBrief() {
    return lastNanos < BRIEF_NANOS && fallbackNodes == 0;
  }

  /** Bytes of native memory held. */
  public long nativeBytes() {
    return reservedBytes;
  }

  /** How many nodes are computed on the CPU because the device cannot. */
  public int fallbackNodes() {
    return fallbackNodes;
  }

  @Override
  public void close() {
    steps.forEach(GraphStep::close);
    device.releaseWorking(reservedBytes);
  }
}
