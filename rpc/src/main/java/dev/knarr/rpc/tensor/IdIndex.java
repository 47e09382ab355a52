// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import java.security.SecureRandom;
import java.util.Arrays;

/**
 * From ids to indices, open addressing in two arrays. The peer chooses the ids, so the place of an
 * id depends on a secret of this process: nobody can choose ids that all collide. One thread.
 */
final class IdIndex {
  private static final long SECRET = new SecureRandom().nextLong();

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
    long h = (id ^ SECRET) * 0xff51afd7ed558ccdL;
    h = (h ^ (h >>> 33) ^ SECRET) * 0xc4ceb9fe1a85ec53L;
    return (int) (h ^ (h >>> 29)) & mask;
  }
}
