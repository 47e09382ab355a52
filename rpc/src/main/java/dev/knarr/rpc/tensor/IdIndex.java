// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import java.util.Arrays;

/**
 * From ids to indices, open addressing in two arrays. The peer chooses the ids, so their places
 * come from {@link SecretHash}. One thread.
 */
final class IdIndex {
  private final long[] ids;
  private final int[] indices;
  private final int mask;

  IdIndex(int entries) {
    int capacity = Integer.highestOneBit(Math.max(4, entries)) << 2;
    this.ids = new long[capacity];
    this.indices = new int[capacity];
    Arrays.fill(indices, -1);
    this.mask = capacity - 1;
  }

  /** Adds an id; false when it is there already. */
  boolean add(long id, int index) {
    int slot = find(id);
    if (indices[slot] >= 0) {
      return false;
    }
    ids[slot] = id;
    indices[slot] = index;
    return true;
  }

  /** The index of an id, or -1. */
  int indexOf(long id) {
    return indices[find(id)];
  }

  private int find(long id) {
    int slot = place(id);
    while (indices[slot] >= 0 && ids[slot] != id) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private int place(long id) {
    return (int) SecretHash.finish(SecretHash.add(SecretHash.START, id)) & mask;
  }
}
