// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.ggml.GgmlGraph;
import dev.knarr.worker.device.Device;

/** A part of a graph's computation; steps run in order on the device's thread. */
sealed interface GraphStep extends AutoCloseable
    permits GraphStep.OnDevice, GraphStep.CheckIndices, GraphStep.CheckNumbers, CpuFallback {
  void run(Device device);

  @Override
  void close();

  /** Computes consecutive nodes on the device itself. */
  record OnDevice(GgmlGraph graph) implements GraphStep {
    @Override
    public void run(Device device) {
      device.compute(graph);
    }

    @Override
    public void close() {
      graph.close();
    }
  }

  /** Refuses to go on if an index that the next nodes trust is out of range. */
  record CheckIndices(IndexCheck check) implements GraphStep {
    @Override
    public void run(Device device) {
      check.run();
    }

    @Override
    public void close() {}
  }

  /** Refuses to go on if what the next node sorts has no order. */
  record CheckNumbers(NumberCheck check) implements GraphStep {
    @Override
    public void run(Device device) {
      check.run();
    }

    @Override
    public void close() {}
  }
}
