// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.delta;

import static dev.knarr.rpc.delta.Delta.INT;
import static dev.knarr.rpc.delta.Delta.LONG;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.knarr.rpc.Varint;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Finds the steps of a {@link Delta}. It keeps its memory from one use to the next. One thread. */
public final class DeltaEncoder {
  /** Shorter ones cost as much as they save. */
  private static final int LEAST_RUN_BYTES = 12;

  private static final int LEAST_MATCH_BYTES = 8;
  private static final int LEAST_SEQUENCE = 4;

  /** After so many places without a step, the next ones are further and further apart. */
  private static final int MISSES_TO_SPEED_UP = 16;

  private static final int LARGEST_STRIDE = 64;

  private static final MemorySegment NOTHING = MemorySegment.ofArray(new byte[0]);

  private ByteBuffer out = ByteBuffer.allocate(1 << 10).order(ByteOrder.LITTLE_ENDIAN);
  private MemorySegment base = NOTHING;
  private MemorySegment target = NOTHING;

  /** Where bytes begin that no step covers yet. */
  private long rawFrom;

  private int[] places = new int[0];

  /**
   * The steps that make a target of nothing: for masks, of which almost all is one of two values,
   * and for what the other side has never seen.
   *
   * @return until the next use
   */
  public ByteBuffer pack(MemorySegment bytes) {
    return inputs(NOTHING, bytes);
  }

  /**
   * The steps that make a target of a base in which bytes keep their places, as those of a graph's
   * inputs do from one token to the next.
   *
   * @return until the next use; empty when nothing has changed
   */
  public ByteBuffer inputs(MemorySegment from, MemorySegment to) {
    begin(from, to);
    if (from.byteSize() == to.byteSize() && from.mismatch(to) < 0) {
      return out.flip();
    }
    long at = 0;
    int misses = 0;
    while (at < to.byteSize()) {
      long same = matchAt(at);
      long run = runAt(at);
      long taken;
      if (same >= LEAST_MATCH_BYTES && same >= run) {
        step(at, Delta.COPY, same);
        taken = same;
      } else if (run >= LEAST_RUN_BYTES) {
        step(at, Delta.FILL, run);
        for (int i = 0; i < Delta.PATTERN_BYTES; i++) {
          out.put(to.get(JAVA_BYTE, at + i));
        }
        taken = run;
      } else {
        taken = sequenceAt(at);
      }
      misses = taken > 0 ? 0 : misses + 1;
      at += taken > 0 ? taken : stride(misses);
    }
    return finish();
  }

  /**
   * The steps that make a target of a base in which bytes may have moved, as numbers of other
   * lengths make them do in the compact form of a graph.
   *
   * @return until the next use
   */
  public ByteBuffer graph(MemorySegment from, MemorySegment to) {
    begin(from, to);
    indexBase();
    long at = 0;
    long shift = 0;
    while (at < to.byteSize()) {
      long place = at + shift;
      long same = place < 0 || place >= from.byteSize() ? 0 : match(place, at);
      if (same < LEAST_MATCH_BYTES) {
        long found = find(at);
        if (found >= 0 && match(found, at) > same + LEAST_RUN_BYTES) {
          place = found;
          same = match(found, at);
        }
      }
      if (same >= LEAST_MATCH_BYTES) {
        raw(at);
        if (place - at != shift) {
          shift = place - at;
          require(2 * Varint.MAX_BYTES);
          Varint.put(out, (long) Delta.SHIFT << 2 | Delta.OTHER);
          Varint.putSigned(out, shift);
        }
        step(at, Delta.COPY, same);
        at += same;
      } else {
        at++;
      }
    }
    return finish();
  }

  private void begin(MemorySegment from, MemorySegment to) {
    base = from;
    target = to;
    out.clear();
    rawFrom = 0;
  }

  private ByteBuffer finish() {
    raw(target.byteSize());
    base = NOTHING;
    target = NOTHING;
    return out.flip();
  }

  /** Numbers that are new all over, as embeddings are, must not be looked at one by one. */
  private static long stride(int misses) {
    return Math.min(LARGEST_STRIDE, Integer.BYTES * (1L + misses / MISSES_TO_SPEED_UP));
  }

  /** How many bytes from here on are those of the base at the same place. */
  private long matchAt(long at) {
    boolean worthIt =
        Math.min(base.byteSize(), target.byteSize()) - at >= LEAST_MATCH_BYTES
            && base.get(LONG, at) == target.get(LONG, at);
    return worthIt ? match(at, at) : 0;
  }

  private long match(long place, long at) {
    long most = Math.min(base.byteSize() - place, target.byteSize() - at);
    long differs = MemorySegment.mismatch(base, place, place + most, target, at, at + most);
    return differs < 0 ? most : differs;
  }

  /** How many bytes from here on repeat the first four. */
  private long runAt(long at) {
    long end = target.byteSize();
    if (end - at < LEAST_RUN_BYTES || target.get(INT, at) != target.get(INT, at + 4)) {
      return 0;
    }
    // A run is where bytes equal those four places on, which can be found out a vector at a time.
    long differs =
        MemorySegment.mismatch(target, at, end - Delta.PATTERN_BYTES, target, at + 4, end);
    return differs < 0 ? end - at : differs + Delta.PATTERN_BYTES;
  }

  /** Writes a sequence of integers if one begins here; returns its bytes, or 0. */
  private long sequenceAt(long at) {
    if (at % Integer.BYTES != 0) {
      return 0;
    }
    long ints = intsAt(at);
    long longs = longsAt(at);
    // Pairs of small numbers count up as large ones do; said as small ones they take less.
    if (ints >= LEAST_SEQUENCE && ints * Integer.BYTES >= longs * Long.BYTES) {
      int first = target.get(INT, at);
      sequence(at, Delta.SEQUENCE_32, ints, first, target.get(INT, at + Integer.BYTES) - first);
      return ints * Integer.BYTES;
    }
    if (longs >= LEAST_SEQUENCE) {
      long first = target.get(LONG, at);
      sequence(at, Delta.SEQUENCE_64, longs, first, target.get(LONG, at + Long.BYTES) - first);
      return longs * Long.BYTES;
    }
    return 0;
  }

  private long intsAt(long at) {
    long most = (target.byteSize() - at) / Integer.BYTES;
    if (most < LEAST_SEQUENCE) {
      return 0;
    }
    int last = target.get(INT, at + Integer.BYTES);
    int step = last - target.get(INT, at);
    long count = 2;
    while (count < most && target.get(INT, at + count * Integer.BYTES) == last + step) {
      last += step;
      count++;
    }
    return count;
  }

  private long longsAt(long at) {
    long most = (target.byteSize() - at) / Long.BYTES;
    if (most < LEAST_SEQUENCE) {
      return 0;
    }
    long last = target.get(LONG, at + Long.BYTES);
    long step = last - target.get(LONG, at);
    long count = 2;
    while (count < most && target.get(LONG, at + count * Long.BYTES) == last + step) {
      last += step;
      count++;
    }
    return count;
  }

  private void sequence(long at, int kind, long count, long first, long step) {
    raw(at);
    require(4 * Varint.MAX_BYTES);
    Varint.put(out, (long) kind << 2 | Delta.OTHER);
    Varint.put(out, count);
    Varint.putSigned(out, first);
    Varint.putSigned(out, step);
    rawFrom = at + count * (kind == Delta.SEQUENCE_32 ? Integer.BYTES : Long.BYTES);
  }

  private void step(long at, int kind, long bytes) {
    raw(at);
    require(Varint.MAX_BYTES + Delta.PATTERN_BYTES);
    Varint.put(out, bytes << 2 | kind);
    rawFrom = at + bytes;
  }

  /** Writes what no step covers before a place. */
  private void raw(long at) {
    long bytes = at - rawFrom;
    if (bytes > 0) {
      require((int) bytes + Varint.MAX_BYTES);
      Varint.put(out, bytes << 2 | Delta.RAW);
      MemorySegment.copy(target, rawFrom, MemorySegment.ofBuffer(out), 0, bytes);
      out.position(out.position() + (int) bytes);
      rawFrom = at;
    }
  }

  private void require(int more) {
    if (out.remaining() < more) {
      ByteBuffer larger =
          ByteBuffer.allocate(Math.max(2 * out.capacity(), out.position() + more))
              .order(ByteOrder.LITTLE_ENDIAN);
      out = larger.put(out.flip());
    }
  }

  /** Where each piece of the base begins, by a hash of the piece. */
  private void indexBase() {
    int slots = (int) Math.min(1 << 16, Long.highestOneBit(Math.max(16, base.byteSize())) << 1);
    if (places.length == slots) {
      Arrays.fill(places, 0);
    } else {
      places = new int[slots];
    }
    for (long i = 0; i + LEAST_MATCH_BYTES <= base.byteSize(); i++) {
      places[slot(base.get(LONG, i))] = (int) i + 1;
    }
  }

  private long find(long at) {
    if (at + LEAST_MATCH_BYTES > target.byteSize()) {
      return -1;
    }
    return places[slot(target.get(LONG, at))] - 1L;
  }

  private int slot(long piece) {
    return (int) ((piece * 0x9e3779b97f4a7c15L) >>> 32) & (places.length - 1);
  }
}
