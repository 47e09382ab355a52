// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.delta.Delta;
import dev.knarr.rpc.tensor.CompactGraph;
import dev.knarr.worker.device.Device;
import dev.knarr.worker.device.DeviceBuffer;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The graphs that a router has named on one connection: their contents, which it sends once, and
 * what it has bound them to. The router decides what is kept, within what it was granted. Called by
 * the connection's thread only.
 */
public final class RouteGraphs implements AutoCloseable {
  /** Far more than any client has at a time; each takes some heap. */
  private static final int MOST_NAMES = 1 << 16;

  private final GraphArchive archive;
  private final Map<Device, NativeGraphs> natives;
  private final GraphEvents events;
  private final long limitBytes;
  private final Map<Integer, GraphArchive.Entry> contents = new HashMap<>();
  private final Map<Integer, Bound> bindings = new HashMap<>();
  private long usedBytes;
  private @Nullable Unkept unkept;

  /** A content for which there was no room, good for one binding. */
  private record Unkept(int name, CompactGraph content) {}

  private record Bound(Device device, int graph, StoredGraph stored) {}

  RouteGraphs(
      GraphArchive archive,
      Map<Device, NativeGraphs> natives,
      GraphEvents events,
      long limitBytes) {
    this.archive = archive;
    this.natives = natives;
    this.events = events;
    this.limitBytes = limitBytes;
  }

  /**
   * Names the content of a graph, instead of any that had the name.
   *
   * @param base the graph from which the steps start, plus 1; 0 for none
   * @param steps of a delta that makes {@code contentBytes} bytes
   * @return whether it is kept; otherwise it is there for the next {@link #bind} only
   * @throws RpcProtocolException UNKNOWN_GRAPH, BUDGET_EXCEEDED when the router goes beyond what it
   *     was granted, or what {@link Delta#apply} throws
   */
  public boolean graph(int name, int base, int contentBytes, ByteBuffer steps) {
    if (contents.size() >= MOST_NAMES) {
      throw new RpcProtocolException(
          ProtocolFault.BUDGET_EXCEEDED,
          "a router names more than %d graphs".formatted(MOST_NAMES));
    }
    forget(name);
    if (contentBytes > limitBytes - usedBytes) {
      throw new RpcProtocolException(
          ProtocolFault.BUDGET_EXCEEDED,
          "a graph of %d bytes is over what is left of the %d bytes for the graphs of a router"
              .formatted(contentBytes, limitBytes));
    }
    byte[] bytes = new byte[contentBytes];
    var from = base == 0 ? MemorySegment.ofArray(new byte[0]) : content(base - 1).bytes();
    Delta.apply(from, steps, MemorySegment.ofArray(bytes));
    var graph = CompactGraph.received(bytes);
    var kept = archive.keepIfRoom(graph);
    if (kept.isEmpty()) {
      unkept = new Unkept(name, graph);
      return false;
    }
    contents.put(name, kept.get());
    usedBytes += contentBytes;
    return true;
  }

  private GraphArchive.Entry content(int name) {
    var content = contents.get(name);
    if (content == null) {
      throw new RpcProtocolException(
          ProtocolFault.UNKNOWN_GRAPH, "graph %d of a router has no content".formatted(name));
    }
    return content;
  }

  /** Ends a graph's name, and all that is bound to it. */
  public void forget(int name) {
    var content = contents.remove(name);
    if (content != null) {
      usedBytes -= content.bytes().byteSize();
      dropIf(bound -> bound.graph == name);
      archive.release(content);
    }
  }

  /**
   * Binds a graph to buffers of a device and checks it.
   *
   * @throws RpcProtocolException if anything in the graph is invalid for them, neither the device
   *     nor the CPU can compute it, or there is no memory left for it
   */
  public NativeGraph bind(int binding, Device device, int graph, List<DeviceBuffer> buffers) {
    if (bindings.size() >= MOST_NAMES) {
      throw new RpcProtocolException(
          ProtocolFault.BUDGET_EXCEEDED,
          "a router binds more than %d graphs".formatted(MOST_NAMES));
    }
    drop(bindings.remove(binding));
    var once = unkept;
    unkept = null;
    if (once != null && once.name == graph) {
      events.graphFound(device, false);
      return StoredGraph.once(once.content, buffers, Objects.requireNonNull(natives.get(device)));
    }
    var owner = Objects.requireNonNull(natives.get(device));
    var stored = StoredGraph.bind(content(graph), buffers, owner);
    bindings.put(binding, new Bound(device, graph, stored));
    events.graphsStored(device, 1);
    events.graphFound(device, false);
    return stored.latest();
  }

  /** The device that a binding is for. */
  public Device device(int binding) {
    return bound(binding).device;
  }

  /**
   * The graph of a binding.
   *
   * @return to be computed once
   */
  public NativeGraph bound(Device device, int binding) {
    var stored = bound(binding).stored;
    var present = stored.present();
    if (present != null) {
      return present;
    }
    events.graphRebuilt(device);
    return stored.rebuild(Objects.requireNonNull(natives.get(device)));
  }

  private Bound bound(int binding) {
    var bound = bindings.get(binding);
    if (bound == null) {
      throw new RpcProtocolException(
          ProtocolFault.UNKNOWN_GRAPH,
          "binding %d of a router does not exist, or a buffer of it was freed".formatted(binding));
    }
    return bound;
  }

  /** Ends the bindings that touch a buffer which is about to be freed. */
  public void dropUsing(DeviceBuffer buffer) {
    dropIf(bound -> bound.stored.uses(buffer));
  }

  private void dropIf(Predicate<Bound> which) {
    var dropped = bindings.values().stream().filter(which).toList();
    bindings.values().removeIf(which);
    dropped.forEach(this::drop);
  }

  private void drop(@Nullable Bound bound) {
    if (bound != null) {
      events.graphsStored(bound.device, -1);
      bound.stored.close();
    }
  }

  @Override
  public void close() {
    List.copyOf(contents.keySet()).forEach(this::forget);
  }
}
