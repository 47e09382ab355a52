// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.worker.device.Device;
import dev.knarr.worker.device.DeviceBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The graphs that one client may ask one device to compute again, by uid. The client keeps a list
 * of what it has sent and empties it at 1024 entries; this mirrors the rule (section 9 of the
 * protocol). Called by the connection's thread only. Dropped graphs are closed on the device's
 * thread, behind the last task that computes them.
 */
public final class GraphStore implements AutoCloseable {
  private static final int MOST_GRAPHS = 1024;

  private final Device device;
  private final GraphEvents events;
  private final Map<Long, CompiledGraph> graphs = new HashMap<>();

  public GraphStore(Device device, GraphEvents events) {
    this.device = device;
    this.events = events;
  }

  /** Keeps {@code graph}, which this store closes from now on, in place of an older one. */
  public void put(long uid, CompiledGraph graph) {
    if (graphs.size() >= MOST_GRAPHS) {
      close();
    }
    var older = graphs.put(uid, graph);
    events.graphStored(device, 1, graph.nativeBytes());
    if (older != null) {
      drop(older);
    }
  }

  public Optional<CompiledGraph> get(long uid) {
    return Optional.ofNullable(graphs.get(uid));
  }

  /** Drops the graphs that touch a buffer which is about to be freed. */
  public void dropUsing(DeviceBuffer buffer) {
    graphs
        .values()
        .removeIf(
            graph -> {
              boolean uses = graph.uses(buffer);
              if (uses) {
                drop(graph);
              }
              return uses;
            });
  }

  private void drop(CompiledGraph graph) {
    events.graphStored(device, -1, -graph.nativeBytes());
    var _ = device.submit(graph::close);
  }

  @Override
  public void close() {
    graphs.values().forEach(this::drop);
    graphs.clear();
  }
}
