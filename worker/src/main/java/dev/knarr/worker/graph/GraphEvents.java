// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.worker.device.Device;

/** What a store of graphs tells those who watch it. Called by connection threads. */
public interface GraphEvents {
  /** Kept graphs have changed by so many (negative: dropped) and so many bytes of native memory. */
  void graphStored(Device device, int graphs, long nativeBytes);
}
