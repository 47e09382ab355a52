// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.delta;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.Varint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Makes bytes of a base and a list of steps, which together fill a target of known length from its
 * start to its end. A step begins with a {@link Varint}: its lowest two bits say what it is, the
 * others are a number n.
 *
 * <ul>
 *   <li>{@link #RAW}: n bytes, which follow.
 *   <li>{@link #COPY}: n bytes of the base from where the target has got to, plus the shift, which
 *       is 0 at first.
 *   <li>{@link #FILL}: n bytes, of which four follow, over and over; the last time as many of them
 *       as there is room for.
 *   <li>{@link #OTHER}: n says what: {@link #SHIFT}, and a signed number that is the shift from now
 *       on; {@link #SEQUENCE_32} or {@link #SEQUENCE_64}: a count, the first and the step, both
 *       signed: so many little-endian integers of that size, each the one before plus the step.
 * </ul>
 *
 * <p>{@link DeltaEncoder} makes them. Any thread.
 */
public final class Delta {
  static final int RAW = 0;
  static final int COPY = 1;
  static final int FILL = 2;
  static final int OTHER = 3;

  static final int SHIFT = 0;
  static final int SEQUENCE_32 = 1;
  static final int SEQUENCE_64 = 2;

  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  static final int PATTERN_BYTES = Integer.BYTES;

  private Delta() {}

  /**
   * Fills a target.
   *
   * @param base what the steps refer to; must not overlap with the target
   * @param steps to its limit; an empty list of steps copies a base of the target's length
   * @throws RpcProtocolException BAD_FIELD or OUT_OF_RANGE when the steps do not fill the target
   *     exactly, or refer to what is not in the base; the target may hold anything then
   */
  public static void apply(MemorySegment base, ByteBuffer steps, MemorySegment target) {
    if (!steps.hasRemaining()) {
      requireInside(0, target.byteSize(), base.byteSize());
      MemorySegment.copy(base, 0, target, 0, target.byteSize());
      return;
    }
    long at = 0;
    long shift = 0;
    while (steps.hasRemaining()) {
      long step = Varint.get(steps);
      long n = step >>> 2;
      switch ((int) step & 3) {
        case RAW -> {
          requireRoom(at, n, target);
          if (n > steps.remaining()) {
            throw bad(n + " bytes are announced and " + steps.remaining() + " are there");
          }
          MemorySegment.copy(MemorySegment.ofBuffer(steps), 0, target, at, n);
          steps.position(steps.position() + (int) n);
          at += n;
        }
        case COPY -> {
          requireRoom(at, n, target);
          requireInside(at + shift, n, base.byteSize());
          MemorySegment.copy(base, at + shift, target, at, n);
          at += n;
        }
        case FILL -> {
          requireRoom(at, n, target);
          fill(target.asSlice(at, n), number(steps, Integer.BYTES));
          at += n;
        }
        default -> {
          if (n == SHIFT) {
            shift = Varint.getSigned(steps);
          } else {
            at += sequence(n, steps, target, at);
          }
        }
      }
    }
    if (at != target.byteSize()) {
      throw bad("its steps make %d of %d bytes".formatted(at, target.byteSize()));
    }
  }

  private static int number(ByteBuffer steps, int bytes) {
    if (steps.remaining() < bytes) {
      throw bad("it ends in the middle of a step");
    }
    int value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (steps.get() & 0xff) << (8 * i);
    }
    return value;
  }

  /** Little-endian, whatever the machine: the pattern's first byte is its lowest. */
  private static void fill(MemorySegment target, int pattern) {
    long size = target.byteSize();
    if (Integer.rotateLeft(pattern, 8) == pattern) {
      target.fill((byte) pattern);
      return;
    }
    long done = Math.min(size, PATTERN_BYTES);
    for (int i = 0; i < done; i++) {
      target.set(JAVA_BYTE, i, (byte) (pattern >>> (8 * i)));
    }
    // What is filled already is the pattern many times over.
    while (done < size) {
      long now = Math.min(done, size - done);
      MemorySegment.copy(target, 0, target, done, now);
      done += now;
    }
  }

  private static long sequence(long kind, ByteBuffer steps, MemorySegment target, long at) {
    if (kind != SEQUENCE_32 && kind != SEQUENCE_64) {
      throw bad("there is no step of kind " + Long.toUnsignedString(kind));
    }
    long width = kind == SEQUENCE_32 ? Integer.BYTES : Long.BYTES;
    long count = Varint.get(steps, "the length of a sequence", target.byteSize());
    long value = Varint.getSigned(steps);
    long distance = Varint.getSigned(steps);
    requireRoom(at, count * width, target);
    for (long i = 0; i < count; i++) {
      if (kind == SEQUENCE_32) {
        target.set(INT, at + i * width, (int) value);
      } else {
        target.set(LONG, at + i * width, value);
      }
      value += distance;
    }
    return count * width;
  }

  private static void requireRoom(long at, long bytes, MemorySegment target) {
    if (bytes < 0 || bytes > target.byteSize() - at) {
      throw new RpcProtocolException(
          ProtocolFault.OUT_OF_RANGE,
          "a delta goes %s bytes on from %d of %d"
              .formatted(Long.toUnsignedString(bytes), at, target.byteSize()));
    }
  }

  private static void requireInside(long from, long bytes, long size) {
    if (from < 0 || from > size || bytes > size - from) {
      throw new RpcProtocolException(
          ProtocolFault.OUT_OF_RANGE,
          "a delta takes %d bytes from %d of a base of %d".formatted(bytes, from, size));
    }
  }

  private static RpcProtocolException bad(String what) {
    return new RpcProtocolException(ProtocolFault.BAD_FIELD, "a delta is not valid: " + what);
  }
}
