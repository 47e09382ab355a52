// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.worker.device.Device;

/** What graph stores tell those who watch them. Called by connection and device threads. */
public interface GraphEvents {
  /** The uids under which clients may ask for graphs again have changed by so many. */
  void graphsStored(Device device, int uids);

  /** A graph was received to be stored; {@code known}: over the same buffers under another uid. */
  void graphFound(Device device, boolean known);

  /** The compact forms of graphs have changed by so many and so many bytes. */
  void graphsArchived(int graphs, long bytes);

  /** Kept native graphs have changed by so many and so many bytes. */
  void graphsNative(Device device, int graphs, long bytes);

  /** A native graph was closed to make room. */
  void graphEvicted(Device device);

  /** A native graph was made again from its compact form. */
  void graphRebuilt(Device device);
}
