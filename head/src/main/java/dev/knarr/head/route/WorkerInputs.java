// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.delta.DeltaEncoder;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What a worker has been told to write, so that only changes need to be said: the router's half of
 * the worker's slots. Both halves hold the same bytes, since what is sent arrives or the connection
 * ends. The client's thread only.
 */
final class WorkerInputs implements AutoCloseable {
  /** Larger ones are masks of prompts, which pack well, or embeddings, which are new each time. */
  private static final int LARGEST_SLOT_BYTES = 1 << 20;

  private static final int MOST_SLOTS = 4096;

  /** What is kept here for one worker, whatever it grants. */
  private static final long MOST_BYTES = 64 << 20;

  private final WorkerLink link;
  private final DeltaEncoder encoder = new DeltaEncoder();
  private final Map<Range, Slot> slots = new LinkedHashMap<>(16, 0.75f, true);
  private final Deque<Integer> freeNames = new ArrayDeque<>();
  private final long limitBytes;
  private int names;
  private long usedBytes;

  private record Slot(int name, Arena memory, MemorySegment shadow) {}

  WorkerInputs(WorkerLink link) {
    this.link = link;
    this.limitBytes = Math.min(MOST_BYTES, link.slotBytes());
  }

  /** Has the worker write bytes, at most {@link RouteRequest#MAX_PIECE_BYTES}, to a range. */
  void write(Range range, MemorySegment content) throws WorkerLostException {
    var known = slots.get(range);
    if (known != null) {
      ByteBuffer steps = encoder.inputs(known.shadow, content);
      int changed = steps.remaining();
      link.send(new RouteRequest.Write(known.name, changed), steps);
      if (changed > 0) {
        known.shadow.copyFrom(content);
      }
      return;
    }
    ByteBuffer steps = encoder.pack(content);
    int bytes = (int) content.byteSize();
    if (bytes == 0 || bytes > LARGEST_SLOT_BYTES || bytes > limitBytes) {
      link.send(
          new RouteRequest.Put(range.buffer(), range.offset(), bytes, steps.remaining()), steps);
      return;
    }
    var slot = open(range, content);
    link.send(
        new RouteRequest.Slot(slot.name, range.buffer(), range.offset(), bytes, steps.remaining()),
        steps);
  }

  private Slot open(Range range, MemorySegment content) throws WorkerLostException {
    while (usedBytes + content.byteSize() > limitBytes || slots.size() >= MOST_SLOTS) {
      var oldest = slots.keySet().iterator().next();
      link.send(new RouteRequest.ForgetSlot(forget(oldest)));
    }
    Integer free = freeNames.poll();
    var memory = Arena.ofConfined();
    var shadow = memory.allocate(content.byteSize(), 64).copyFrom(content);
    var slot = new Slot(free == null ? names++ : free, memory, shadow);
    slots.put(range, slot);
    usedBytes += content.byteSize();
    return slot;
  }

  private int forget(Range range) {
    var slot = Objects.requireNonNull(slots.remove(range));
    usedBytes -= slot.shadow.byteSize();
    slot.memory.close();
    freeNames.add(slot.name);
    return slot.name;
  }

  /** The buffer is about to be freed, and the worker forgets its slots by itself. */
  void dropUsing(RoutedBuffer buffer) {
    slots.keySet().stream()
        .filter(range -> range.buffer() == buffer.handle())
        .toList()
        .forEach(this::forget);
  }

  @Override
  public void close() {
    List.copyOf(slots.keySet()).forEach(this::forget);
  }
}
