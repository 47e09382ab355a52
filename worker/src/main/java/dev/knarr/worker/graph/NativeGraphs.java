// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.worker.device.Device;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The native graphs of one device, of all clients together. They can be rebuilt from what the
 * archive has, so the one that was not wanted for the longest time goes when there are too many.
 * Any thread.
 */
final class NativeGraphs {
  private final Device device;
  private final GraphCompiler compiler;
  private final long limitBytes;
  private final GraphEvents events;
  private final Set<NativeGraph> kept = ConcurrentHashMap.newKeySet();
  private final AtomicLong keptBytes = new AtomicLong();

  /**
   * The graphs of {@code device}.
   *
   * @param limitBytes how much native memory unused graphs may take
   */
  NativeGraphs(Device device, GraphCompiler compiler, long limitBytes, GraphEvents events) {
    this.device = device;
    this.compiler = compiler;
    this.limitBytes = limitBytes;
    this.events = events;
  }

  Device device() {
    return device;
  }

  /** A new graph with one use, after which it is closed. */
  NativeGraph once(ComputeGraph graph, TensorPlaces places) {
    var made = compile(graph, places);
    made.giveUp();
    return made;
  }

  /** A new graph with one use, which stays until it is given up. */
  NativeGraph make(ComputeGraph graph, TensorPlaces places) {
    var made = compile(graph, places);
    kept.add(made);
    keptBytes.addAndGet(made.nativeBytes());
    events.graphsNative(device, 1, made.nativeBytes());
    return made;
  }

  private NativeGraph compile(ComputeGraph graph, TensorPlaces places) {
    return new NativeGraph(compiler.compile(graph, device, places, this::reserve), this);
  }

  private boolean reserve(long bytes) {
    if (bytes > device.workingLimitBytes()) {
      return false; // No room that others could make would be enough.
    }
    while (!device.reserveWorking(bytes)) {
      if (!evict()) {
        return false;
      }
    }
    return true;
  }

  /** Closes the unused graph that was not wanted for the longest time; false if all are in use. */
  private synchronized boolean evict() {
    while (true) {
      var oldest = oldestUnused();
      if (oldest == null) {
        return false;
      }
      if (oldest.giveUpIfUnused()) {
        events.graphEvicted(device);
        return true;
      }
    }
  }

  private @Nullable NativeGraph oldestUnused() {
    long now = System.nanoTime();
    long mostAge = Long.MIN_VALUE;
    NativeGraph oldest = null;
    for (var graph : kept) {
      long age = now - graph.usedNanos();
      if (age > mostAge && graph.unused()) {
        mostAge = age;
        oldest = graph;
      }
    }
    return oldest;
  }

  /** Makes room when a graph is no longer used; those in use are bounded by the device's memory. */
  void unused() {
    while (keptBytes.get() > limitBytes && evict()) {
      // Until the rest is within the limit or in use.
    }
  }

  void closed(NativeGraph graph) {
    if (kept.remove(graph)) {
      keptBytes.addAndGet(-graph.nativeBytes());
      events.graphsNative(device, -1, -graph.nativeBytes());
    }
  }
}
