// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongUnaryOperator;

/**
 * Writes the form that {@link CompactGraphDecoder} reads. All numbers are unsigned, seven bits to a
 * byte. A graph is the number of its descriptors, the number of its nodes, its descriptors, and the
 * distance of each node's descriptor from that of the node before it.
 *
 * <p>A descriptor is
 *
 * <ol>
 *   <li>its <em>kind</em>: everything that many descriptors share (type, buffer, shape, operation,
 *       parameters, flags, use count, which operands there are), by number; the first of a kind has
 *       the next free number and is followed by the kind itself;
 *   <li>for each operand, and for what it is a view of, the distance back to its descriptor; the
 *       view's offset, if it is not 0;
 *   <li>the offset in its buffer, unless it follows from the view;
 *   <li>its name: the pattern by number, as for kinds, and the numbers in it ({@code blk.7.attn_q}
 *       and {@code blk.8.attn_q} have one pattern).
 * </ol>
 *
 * <p>One thread, one graph.
 */
final class CompactGraphEncoder {
  /** Of a kind's links, whose first ten bits say which operands there are: it is a view. */
  static final int VIEW = 1 << 10;

  /** The view lies where its source and offset say, so the address need not be said. */
  static final int VIEW_IN_PLACE = 1 << 11;

  /** The offset of a view is not 0. */
  static final int VIEW_OFFSET = 1 << 12;

  /** Operand 1 of a cast is the descriptor itself. */
  static final int OWN_TARGET = 1 << 13;

  /** Stands for a number in the pattern of a name, where a NUL cannot be. */
  static final byte NUMBER = 0;

  /** More digits than this are kept as text. */
  private static final int MOST_DIGITS = 9;

  /** Type, buffer, shape, operation, parameters and flags lie side by side on the wire. */
  private static final int KIND_FROM = RpcTensor.TYPE;

  private static final int KIND_TO = RpcTensor.SOURCES;

  private final ComputeGraph graph;
  private final byte[] wire;
  private final LongUnaryOperator bases;
  private byte[] out;
  private int size;

  /** Hash table of kinds: 1 + the descriptor that was the first of its kind. */
  private final int[] kindSlots;

  /** By descriptor: its links; of the first of a kind, the kind's number. */
  private final int[] links;

  private final int[] kindNumber;
  private int kinds;

  /** Hash table of patterns: 1 + their number. */
  private final int[] patternSlots;

  private final List<byte[]> patterns = new ArrayList<>();
  private final byte[] pattern = new byte[RpcTensor.NAME_BYTES];
  private final int[] numbers = new int[RpcTensor.NAME_BYTES];

  private final Map<Long, Integer> ordinals = new HashMap<>();
  private final List<Long> handles = new ArrayList<>();
  private long[] baseOfOrdinal = new long[8];
  private long lastHandle;
  private int lastOrdinal;

  CompactGraphEncoder(ComputeGraph graph, LongUnaryOperator bases) {
    this.graph = graph;
    this.wire = graph.wireBytes();
    this.bases = bases;
    int tensors = graph.tensorCount();
    this.out = new byte[64 + 24 * tensors];
    int slots = Integer.highestOneBit(Math.max(4, tensors)) << 2;
    this.kindSlots = new int[slots];
    this.patternSlots = new int[slots];
    this.links = new int[tensors];
    this.kindNumber = new int[tensors];
  }

  byte[] encode() {
    put(graph.tensorCount());
    put(graph.nodeCount());
    for (int i = 0; i < graph.tensorCount(); i++) {
      putTensor(i, graph.wireOffset(i));
    }
    int last = -1;
    for (int node = 0; node < graph.nodeCount(); node++) {
      int index = graph.nodeIndex(node);
      putSigned(index - last);
      last = index;
    }
    return Arrays.copyOf(out, size);
  }

  long[] buffers() {
    return handles.stream().mapToLong(Long::longValue).toArray();
  }

  private void putTensor(int index, int at) {
    int view = graph.viewSourceIndex(index);
    long handle = LittleEndian.getLong(wire, at + RpcTensor.BUFFER);
    int ordinal = handle == 0 ? 0 : ordinal(handle);
    links[index] = linksOf(index, at, view);
    putKind(index, at, ordinal);
    for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
      int source = graph.sourceIndex(index, k);
      if (source >= 0 && source != index) {
        put(index - source);
      }
    }
    if (view >= 0) {
      put(index - view);
    }
    if ((links[index] & VIEW_OFFSET) != 0) {
      put(LittleEndian.getLong(wire, at + RpcTensor.VIEW_OFFSET));
    }
    if (ordinal != 0 && (links[index] & VIEW_IN_PLACE) == 0) {
      long data = LittleEndian.getLong(wire, at + RpcTensor.DATA);
      // Clients place tensors at multiples of 32 or more; turning the number keeps it exact.
      put(Long.rotateRight(data - baseOfOrdinal[ordinal], 5));
    }
    putName(at + RpcTensor.NAME);
  }

  private int linksOf(int index, int at, int view) {
    int found = 0;
    for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
      int source = graph.sourceIndex(index, k);
      if (source == index) {
        found |= OWN_TARGET;
      } else if (source >= 0) {
        found |= 1 << k;
      }
    }
    long offset = LittleEndian.getLong(wire, at + RpcTensor.VIEW_OFFSET);
    if (offset != 0) {
      found |= VIEW_OFFSET;
    }
    if (view >= 0) {
      found |= VIEW;
      int from = graph.wireOffset(view);
      long place = LittleEndian.getLong(wire, from + RpcTensor.DATA) + offset;
      if (LittleEndian.getLong(wire, from + RpcTensor.BUFFER)
              == LittleEndian.getLong(wire, at + RpcTensor.BUFFER)
          && place == LittleEndian.getLong(wire, at + RpcTensor.DATA)) {
        found |= VIEW_IN_PLACE;
      }
    }
    return found;
  }

  private void putKind(int index, int at, int ordinal) {
    int slot = kindSlot(index, at);
    int first = kindSlots[slot] - 1;
    if (first >= 0) {
      put(kindNumber[first]);
      return;
    }
    kindSlots[slot] = index + 1;
    kindNumber[index] = kinds;
    put(kinds++);
    put(links[index]);
    put(ordinal);
    put(LittleEndian.getUnsignedInt(wire, at + RpcTensor.TYPE));
    for (int field = RpcTensor.NE; field < RpcTensor.OP; field += Integer.BYTES) {
      put(LittleEndian.getUnsignedInt(wire, at + field));
    }
    put(LittleEndian.getUnsignedInt(wire, at + RpcTensor.OP));
    put(LittleEndian.getUnsignedInt(wire, at + RpcTensor.FLAGS));
    put(LittleEndian.getUnsignedInt(wire, at + RpcTensor.USE_COUNT));
    putParams(at + RpcTensor.OP_PARAMS);
  }

  /** Which parameters are not 0, and those. */
  private void putParams(int at) {
    int used = 0;
    for (int i = 0; i < OpParams.COUNT; i++) {
      if (LittleEndian.getInt(wire, at + Integer.BYTES * i) != 0) {
        used |= 1 << i;
      }
    }
    put(used);
    for (int i = 0; i < OpParams.COUNT; i++) {
      if ((used & 1 << i) != 0) {
        put(LittleEndian.getUnsignedInt(wire, at + Integer.BYTES * i));
      }
    }
  }

  private int kindSlot(int index, int at) {
    long hash = SecretHash.add(SecretHash.START, links[index]);
    for (int i = KIND_FROM; i < KIND_TO - Integer.BYTES; i += Long.BYTES) {
      hash = SecretHash.add(hash, LittleEndian.getLong(wire, at + i));
    }
    hash = SecretHash.add(hash, LittleEndian.getLong(wire, at + KIND_TO - Long.BYTES));
    hash = SecretHash.add(hash, LittleEndian.getInt(wire, at + RpcTensor.USE_COUNT));
    int mask = kindSlots.length - 1;
    int slot = (int) SecretHash.finish(hash) & mask;
    while (kindSlots[slot] != 0 && !isSameKind(index, at, kindSlots[slot] - 1)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private boolean isSameKind(int index, int at, int other) {
    int from = graph.wireOffset(other);
    return links[index] == links[other]
        && Arrays.equals(wire, at + KIND_FROM, at + KIND_TO, wire, from + KIND_FROM, from + KIND_TO)
        && LittleEndian.getInt(wire, at + RpcTensor.USE_COUNT)
            == LittleEndian.getInt(wire, from + RpcTensor.USE_COUNT);
  }

  private int ordinal(long handle) {
    if (handle != lastHandle) {
      Integer known = ordinals.get(handle);
      if (known == null) {
        long base = bases.applyAsLong(handle);
        handles.add(handle);
        known = handles.size();
        ordinals.put(handle, known);
        if (known == baseOfOrdinal.length) {
          baseOfOrdinal = Arrays.copyOf(baseOfOrdinal, 2 * known);
        }
        baseOfOrdinal[known] = base;
      }
      lastHandle = handle;
      lastOrdinal = known;
    }
    return lastOrdinal;
  }

  private void putName(int at) {
    int length = 0;
    int found = 0;
    long hash = SecretHash.START;
    for (int i = 0; i < RpcTensor.NAME_BYTES && wire[at + i] != 0; ) {
      int digits = digits(at + i, RpcTensor.NAME_BYTES - i);
      if (digits == 0) {
        pattern[length] = wire[at + i++];
      } else {
        numbers[found++] = number(at + i, digits);
        pattern[length] = NUMBER;
        i += digits;
      }
      hash = SecretHash.add(hash, pattern[length++]);
    }
    putPattern(length, hash);
    for (int i = 0; i < found; i++) {
      put(numbers[i]);
    }
  }

  /** How many digits from here on are a number that is written in one way only. */
  private int digits(int at, int most) {
    int count = 0;
    while (count < most && wire[at + count] >= '0' && wire[at + count] <= '9') {
      count++;
    }
    return count > MOST_DIGITS || (count > 1 && wire[at] == '0') ? 0 : count;
  }

  private int number(int at, int digits) {
    int value = 0;
    for (int i = 0; i < digits; i++) {
      value = 10 * value + wire[at + i] - '0';
    }
    return value;
  }

  private void putPattern(int length, long hash) {
    int mask = patternSlots.length - 1;
    int slot = (int) SecretHash.finish(hash) & mask;
    while (patternSlots[slot] != 0) {
      byte[] known = patterns.get(patternSlots[slot] - 1);
      if (Arrays.equals(known, 0, known.length, pattern, 0, length)) {
        put(patternSlots[slot] - 1);
        return;
      }
      slot = (slot + 1) & mask;
    }
    put(patterns.size());
    patterns.add(Arrays.copyOf(pattern, length));
    patternSlots[slot] = patterns.size();
    put(length);
    require(length);
    System.arraycopy(pattern, 0, out, size, length);
    size += length;
  }

  private void put(long value) {
    require(10);
    long left = value;
    while ((left & ~0x7fL) != 0) {
      out[size++] = (byte) (left | 0x80);
      left >>>= 7;
    }
    out[size++] = (byte) left;
  }

  private void putSigned(int value) {
    put(Integer.toUnsignedLong(value << 1 ^ value >> 31));
  }

  private void require(int more) {
    if (out.length - size < more) {
      out = Arrays.copyOf(out, Math.max(out.length + more, out.length + (out.length >> 1)));
    }
  }
}
