// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.CompactGraph;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.wire.WireLimits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The compact forms of all graphs that clients may name again, each once, whoever sent it and how
 * often. Their bytes are native memory, so that the heap need not be sized for them. Any thread.
 */
final class GraphArchive {
  /** What a graph costs beside its bytes, so that many tiny ones are counted for what they take. */
  private static final long OVERHEAD_BYTES = 512;

  private final long limitBytes;
  private final GraphEvents events;
  private final Map<Long, List<Entry>> entries = new HashMap<>();
  private long usedBytes;

  GraphArchive(long limitBytes, GraphEvents events) {
    this.limitBytes = limitBytes;
    this.events = events;
  }

  long limitBytes() {
    return limitBytes;
  }

  /** A graph in the archive. Those who got it from {@link #keep} hand it to {@link #release}. */
  static final class Entry {
    private final Arena arena = Arena.ofShared();
    private final long hash;
    private final MemorySegment bytes;
    private int users = 1;

    private Entry(long hash, byte[] bytes) {
      this.hash = hash;
      this.bytes = arena.allocate(bytes.length);
      MemorySegment.copy(bytes, 0, this.bytes, ValueLayout.JAVA_BYTE, 0, bytes.length);
    }

    private boolean holds(byte[] other) {
      return bytes.mismatch(MemorySegment.ofArray(other)) < 0;
    }

    private long costBytes() {
      return bytes.byteSize() + OVERHEAD_BYTES;
    }

    /** The compact form itself, until its last user releases it. */
    MemorySegment bytes() {
      return bytes;
    }

    /** The graph, in the terms of {@link CompactGraph#expand}. */
    ComputeGraph expand() {
      return GraphArchive.expand(bytes.toArray(ValueLayout.JAVA_BYTE));
    }
  }

  /** A graph of its compact form, which may be anything that somebody has sent. */
  static ComputeGraph expand(byte[] bytes) {
    var limits = WireLimits.defaults();
    return CompactGraph.expand(bytes, limits.maxGraphNodes(), limits.maxGraphTensors());
  }

  /**
   * The entry of a graph, which is made if there is none.
   *
   * @throws RpcProtocolException BUDGET_EXCEEDED when there is no room for it
   */
  Entry keep(CompactGraph graph) {
    return keepIfRoom(graph)
        .orElseThrow(
            () ->
                new RpcProtocolException(
                    ProtocolFault.BUDGET_EXCEEDED,
                    "a graph of %d bytes is over what is left of the %d bytes for the graphs of all clients (knarr.worker.graph-memory)"
                        .formatted(graph.bytes().length + OVERHEAD_BYTES, limitBytes)));
  }

  /** The entry of a graph, which is made if there is none; empty when there is no room for it. */
  Optional<Entry> keepIfRoom(CompactGraph graph) {
    return keepIfRoom(graph, graph.contentHash());
  }

  private synchronized Optional<Entry> keepIfRoom(CompactGraph graph, long hash) {
    for (var entry : entries.getOrDefault(hash, List.of())) {
      if (entry.holds(graph.bytes())) {
        entry.users++;
        return Optional.of(entry);
      }
    }
    long cost = graph.bytes().length + OVERHEAD_BYTES;
    if (cost > limitBytes - usedBytes) {
      return Optional.empty();
    }
    var entry = new Entry(hash, graph.bytes());
    entries.computeIfAbsent(hash, _ -> new ArrayList<>(1)).add(entry);
    usedBytes += cost;
    events.graphsArchived(1, cost);
    return Optional.of(entry);
  }

  /** Gives up one use; without a user the entry is gone. */
  void release(Entry entry) {
    synchronized (this) {
      if (--entry.users > 0) {
        return;
      }
      usedBytes -= entry.costBytes();
      var same = entries.get(entry.hash);
      if (same != null && same.remove(entry) && same.isEmpty()) {
        entries.remove(entry.hash);
      }
    }
    events.graphsArchived(-1, -entry.costBytes());
    entry.arena.close();
  }
}
