// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.ggml.GgmlBuffer;
import dev.knarr.ggml.GgmlGraph;
import dev.knarr.worker.device.Device;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One node that its device cannot compute, computed on the CPU: operands are copied to host memory,
 * the result back. Operands that share memory share it there too, so that views and in-place
 * results behave as on the device. The host memory is for all such nodes of a graph, one after the
 * other.
 */
final class CpuFallback implements GraphStep {
  private static final long ALIGNMENT = 64;
  private static final int CHUNK_BYTES = 4 << 20;

  private final int node;
  private final List<TensorPlace> operands;
  private final Layout layout;
  private final TensorPlace result;
  private @Nullable GgmlBuffer memory;
  private @Nullable GgmlGraph graph;

  /** Device memory from {@code from}, and where its copy lies in host memory. */
  private record Region(TensorPlace from, long at) {
    boolean holds(TensorPlace place) {
      return from.overlaps(place) || from.equals(place);
    }

    long offsetOf(TensorPlace place) {
      return at + place.offset() - from.offset();
    }
  }

  /** Host memory for the operands of one node: where each lies. */
  static final class Layout {
    private final List<Region> regions;
    private final long bytes;

    Layout(List<TensorPlace> places) {
      var merged = new ArrayList<TensorPlace>();
      var buffers = places.stream().map(TensorPlace::buffer).distinct().toList();
      places.stream()
          .sorted(
              Comparator.<TensorPlace>comparingInt(p -> buffers.indexOf(p.buffer()))
                  .thenComparingLong(TensorPlace::offset))
          .forEach(place -> merge(merged, place));
      var placed = new ArrayList<Region>();
      long at = 0;
      for (var place : merged) {
        placed.add(new Region(place, at));
        at += roundUp(place.bytes()) + ALIGNMENT;
      }
      regions = List.copyOf(placed);
      bytes = at;
    }

    private static void merge(List<TensorPlace> merged, TensorPlace place) {
      if (!merged.isEmpty() && merged.getLast().overlaps(place)) {
        var last = merged.removeLast();
        long end = Math.max(last.end(), place.end());
        merged.add(new TensorPlace(last.buffer(), last.offset(), end - last.offset()));
      } else {
        merged.add(place);
      }
    }

    private static long roundUp(long bytes) {
      return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    long bytes() {
      return bytes;
    }

    long offsetOf(TensorPlace place) {
      if (place.bytes() == 0) {
        return 0;
      }
      for (var region : regions) {
        if (region.holds(place)) {
          return region.offsetOf(place);
        }
      }
      throw new IllegalArgumentException("Not an operand: " + place);
    }
  }

  /**
   * Still without memory and graph.
   *
   * @param node index of its descriptor
   * @param operands what it reads and writes, the result among them
   */
  CpuFallback(int node, List<TensorPlace> operands, TensorPlace result) {
    this.node = node;
    this.operands = List.copyOf(operands);
    this.layout = new Layout(operands);
    this.result = result;
  }

  int node() {
    return node;
  }

  /** What it needs of the host memory. */
  long bytes() {
    return layout.bytes();
  }

  boolean holds(TensorPlace place) {
    return operands.contains(place);
  }

  /** Where the copy of an operand lies in the host memory. */
  long offsetOf(TensorPlace operand) {
    return layout.offsetOf(operand);
  }

  /** Works in this memory, which is closed with the first of those that use it. */
  void use(GgmlBuffer hostMemory) {
    memory = hostMemory;
  }

  /** Computes this graph of one node, and owns it. */
  void compute(GgmlGraph onCpu) {
    graph = onCpu;
  }

  @Override
  public void run(Device device) {
    var host = Objects.requireNonNull(memory);
    for (var region : layout.regions) {
      move(host, region.from(), region.at(), false);
    }
    device.computeOnCpu(Objects.requireNonNull(graph));
    for (var region : layout.regions) {
      if (region.holds(result)) {
        move(host, result, region.offsetOf(result), true);
        return;
      }
    }
  }

  private static void move(GgmlBuffer memory, TensorPlace place, long at, boolean toDevice) {
    for (long done = 0; done < place.bytes(); done += CHUNK_BYTES) {
      int length = (int) Math.min(CHUNK_BYTES, place.bytes() - done);
      ByteBuffer host = memory.hostView(at + done, length);
      if (toDevice) {
        place.buffer().write(place.offset() + done, host);
      } else {
        place.buffer().read(place.offset() + done, host);
      }
    }
  }

  @Override
  public void close() {
    if (graph != null) {
      graph.close();
    }
    if (memory != null) {
      memory.close();
    }
  }
}
