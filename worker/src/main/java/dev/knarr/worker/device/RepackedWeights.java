// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import dev.knarr.ggml.GgmlBuffer;
import dev.knarr.ggml.WeightRepack;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Which weights of one buffer of the CPU lie in ggml's repacked layout. Weights go into it when the
 * first graph multiplies by them, and out of it for good as soon as anything else wants their
 * bytes: what is read, written again and again, or used otherwise, stays plain. Called by the
 * connection's thread only, with no graph over the buffer outstanding but those that the calls
 * queue behind.
 */
final class RepackedWeights {
  /** Each costs some heap; what is smaller is not worth it. */
  private static final long LEAST_BYTES = 4096;

  /** A client that loads another model into the same buffer writes each weight once more. */
  private static final int MOST_REWRITES = 2;

  private final Device device;
  private final WeightRepack layouts;
  private final GgmlBuffer memory;
  private final NavigableMap<Long, Weight> repacked = new TreeMap<>();

  /**
   * How often the weights at an offset were overwritten since they were first repacked; more than
   * allowed: left plain.
   */
  private final Map<Long, Integer> rewrites = new HashMap<>();

  private int version;

  private record Weight(long offset, long bytes, int type, List<Long> shape) {
    long[] ne() {
      return shape.stream().mapToLong(Long::longValue).toArray();
    }

    boolean is(long otherBytes, int otherType, long[] otherNe) {
      return bytes == otherBytes && type == otherType && Arrays.equals(ne(), otherNe);
    }

    boolean overlaps(long from, long count) {
      return offset < from + count && from < offset + bytes;
    }

    boolean inside(long from, long count) {
      return from <= offset && offset + bytes <= from + count;
    }
  }

  RepackedWeights(Device device, WeightRepack layouts, GgmlBuffer memory) {
    this.device = device;
    this.layouts = layouts;
    this.memory = memory;
  }

  /** Grows whenever weights change their layout: graphs made before may be wrong now. */
  int version() {
    return version;
  }

  /** Makes weights repacked; false if they are to stay plain. */
  boolean repack(long offset, long bytes, int type, long[] ne) {
    var weight = overlapping(offset, bytes);
    if (weight != null && !(weight.offset == offset && weight.is(bytes, type, ne))) {
      requirePlain(offset, bytes);
      return false;
    }
    if (weight != null) {
      return true;
    }
    if (bytes < LEAST_BYTES
        || rewrites.getOrDefault(offset, 0) > MOST_REWRITES
        || !layouts.covers(type, ne)
        || !(rewrites.containsKey(offset) || device.trackWeight())) {
      return false;
    }
    rewrites.putIfAbsent(offset, 0);
    awaitGraphs();
    layouts.repack(memory, offset, type, ne);
    repacked.put(offset, new Weight(offset, bytes, type, Arrays.stream(ne).boxed().toList()));
    device.repacked(bytes);
    version++;
    return true;
  }

  /** The memory is this client's own, and changing it may take long: others get the device. */
  private void awaitGraphs() {
    device.run(() -> {});
  }

  /** Makes a range plain, and keeps the weights in it so. */
  void requirePlain(long offset, long bytes) {
    for (var weight = overlapping(offset, bytes);
        weight != null;
        weight = overlapping(offset, bytes)) {
      restore(weight);
      rewrites.put(weight.offset, MOST_REWRITES + 1);
    }
  }

  /** A range is about to be written: what of its weights is not, must not be lost. */
  void overwrite(long offset, long bytes) {
    for (var weight = overlapping(offset, bytes);
        weight != null;
        weight = overlapping(offset, bytes)) {
      if (weight.inside(offset, bytes)) {
        forget(weight);
      } else {
        restore(weight);
      }
      rewrites.merge(weight.offset, 1, Integer::sum);
    }
  }

  private void restore(Weight weight) {
    awaitGraphs();
    layouts.restore(memory, weight.offset, weight.type, weight.ne());
    device.restored();
    forget(weight);
  }

  private void forget(Weight weight) {
    repacked.remove(weight.offset);
    device.repacked(-weight.bytes);
    version++;
  }

  private @Nullable Weight overlapping(long offset, long bytes) {
    if (repacked.isEmpty() || bytes == 0) {
      return null;
    }
    // Weights do not overlap each other: the last one that begins before the end decides.
    var last = repacked.lowerEntry(offset + bytes);
    return last != null && last.getValue().overlaps(offset, bytes) ? last.getValue() : null;
  }

  /** Another client has the buffer, whose weights may be repacked as often as anybody's. */
  void beginAnew() {
    rewrites.replaceAll((_, _) -> 0);
  }

  /** The buffer is closed. */
  void close() {
    repacked.values().forEach(weight -> device.repacked(-weight.bytes));
    repacked.clear();
    device.untrackWeights(rewrites.size());
    rewrites.clear();
  }
}
