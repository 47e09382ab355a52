// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.ggml.GgmlBuffer;
import dev.knarr.ggml.GgmlGraph;
import dev.knarr.worker.device.Device;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * One node that its device cannot compute, computed on the CPU: operands are copied to host memory,
 * the result back. Operands that share memory share it there too, so that views and in-place
 * results behave as on the device.
 */
final class CpuFallback implements GraphStep {
  private static final long ALIGNMENT = 64;
  private static final int CHUNK_BYTES = 4 << 20;

  private final GgmlBuffer memory;
  private final GgmlGraph graph;
  private final List<Region> regions;
  private final TensorPlace result;

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

  /** Takes ownership of {@code memory} (laid out as {@code layout} says) and {@code graph}. */
  CpuFallback(Layout layout, GgmlBuffer memory, GgmlGraph graph, TensorPlace result) {
    this.regions = layout.regions;
    this.memory = memory;
    this.graph = graph;
    this.result = result;
  }

  @Override
  public void run(Device device) {
    for (var region : regions) {
      move(region.from(), region.at(), false);
    }
    device.computeOnCpu(graph);
    for (var region : regions) {
      if (region.holds(result)) {
        move(result, region.offsetOf(result), true);
        return;
      }
    }
  }

  private void move(TensorPlace place, long at, boolean toDevice) {
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
    graph.close();
    memory.close();
  }
}
