// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.CompactGraph;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.worker.device.DeviceBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The graphs that one client may ask one device to compute again, by uid. The client keeps a list
 * of what it has sent and empties it at 1024 entries; this mirrors the rule (section 9 of the
 * protocol). The same graph over the same buffers is one graph under several uids, with one native
 * graph, so that a backend that keeps something for it (CUDA its captured graph) finds it again.
 * Called by the connection's thread only.
 */
public final class GraphStore implements AutoCloseable {
  private static final int MOST_GRAPHS = 1024;

  private final NativeGraphs natives;
  private final GraphArchive archive;
  private final GraphEvents events;
  private final Map<Long, StoredGraph> byUid = new HashMap<>();
  private final Map<StoredGraph.Key, StoredGraph> byContent = new HashMap<>();

  GraphStore(NativeGraphs natives, GraphArchive archive, GraphEvents events) {
    this.natives = natives;
    this.archive = archive;
    this.events = events;
  }

  /**
   * The graph to compute for a description just received, which is kept under {@code uid} unless
   * that is 0. Clients send as 0 what they will not name again: one-node sums between devices, and
   * thousands of graphs of test programs.
   *
   * @return to be computed once
   * @throws RpcProtocolException if anything in the graph is invalid, neither the device nor the
   *     CPU can compute it, or there is no memory left for it
   */
  public NativeGraph received(long uid, ComputeGraph graph, ClientBuffers buffers) {
    if (uid == 0) {
      return natives.once(graph, buffers);
    }
    if (byUid.size() >= MOST_GRAPHS) {
      forgetAll();
    }
    var compact = CompactGraph.of(graph, buffers::address);
    var content = archive.keep(compact);
    var places = Arrays.stream(compact.buffers()).mapToObj(buffers::get).toList();
    var known = byContent.get(new StoredGraph.Key(content, places));
    if (known != null) {
      archive.release(content); // known holds it already
      events.graphFound(natives.device(), true);
      name(uid, known);
      return ready(known);
    }
    NativeGraph made;
    try {
      made = natives.make(graph, buffers);
    } catch (RuntimeException | Error e) {
      archive.release(content);
      throw e;
    }
    events.graphFound(natives.device(), false);
    var stored = new StoredGraph(content, places, made);
    byContent.put(stored.key(), stored);
    name(uid, stored);
    return made;
  }

  /**
   * The graph to compute for a uid.
   *
   * @return to be computed once
   * @throws RpcProtocolException UNKNOWN_GRAPH if it is not stored; BUDGET_EXCEEDED if it has to be
   *     rebuilt and there is no memory for it
   */
  public NativeGraph named(long uid) {
    var stored = byUid.get(uid);
    if (stored == null) {
      throw new RpcProtocolException(
          ProtocolFault.UNKNOWN_GRAPH,
          "graph %s of device %s is not stored: it was never sent, or a buffer it uses was freed"
              .formatted(Long.toUnsignedString(uid), natives.device().name()));
    }
    return ready(stored);
  }

  private NativeGraph ready(StoredGraph stored) {
    var present = stored.present();
    if (present != null) {
      return present;
    }
    events.graphRebuilt(natives.device());
    return stored.rebuild(natives);
  }

  private void name(long uid, StoredGraph stored) {
    stored.named(); // first, so that it outlives the older one if that is itself
    var older = byUid.put(uid, stored);
    events.graphsStored(natives.device(), 1);
    if (older != null) {
      unname(older);
    }
  }

  /** Drops the graphs that touch a buffer which is about to be freed. */
  public void dropUsing(DeviceBuffer buffer) {
    var using = byUid.values().stream().filter(stored -> stored.uses(buffer)).toList();
    byUid.values().removeIf(stored -> stored.uses(buffer));
    using.forEach(this::unname);
  }

  private void forgetAll() {
    var forgotten = List.copyOf(byUid.values());
    byUid.clear();
    forgotten.forEach(this::unname);
  }

  private void unname(StoredGraph stored) {
    events.graphsStored(natives.device(), -1);
    if (stored.unnamed()) {
      byContent.remove(stored.key());
      stored.close();
      archive.release(stored.content());
    }
  }

  @Override
  public void close() {
    forgetAll();
  }
}
