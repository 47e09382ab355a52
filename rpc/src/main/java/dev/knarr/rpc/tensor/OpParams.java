// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import java.util.Objects;

/**
 * The 16 parameters of an operation; which of them mean what is in section 20 of the protocol
 * description. A view of its tensor's bytes. Immutable; any thread.
 */
public final class OpParams {
  /** Parameters of every operation. */
  public static final int COUNT = 16;

  private final byte[] bytes;
  private final int offset;

  OpParams(byte[] bytes, int offset) {
    this.bytes = bytes;
    this.offset = offset;
  }

  /** Parameter 0 to 15 as a whole number. */
  public int get(int index) {
    return LittleEndian.getInt(bytes, offset + 4 * Objects.checkIndex(index, COUNT));
  }

  /** Parameter 0 to 15, the bit pattern of a float. */
  public float getFloat(int index) {
    return Float.intBitsToFloat(get(index));
  }

  /** All parameters in a new array. */
  public int[] toArray() {
    int[] all = new int[COUNT];
    for (int i = 0; i < COUNT; i++) {
      all[i] = get(i);
    }
    return all;
  }
}
