// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.nio.ByteBuffer;

/**
 * FNV-1a with 64 bits, the content hash of {@code SET_TENSOR_HASH}. It is fast to state and not
 * collision-resistant: never trust a peer's data by it alone. Any thread.
 */
public interface Fnv1a {
  /** The hash of no bytes, from which {@link #update} starts. */
  long EMPTY = 0xcbf29ce484222325L;

  /** The factor of each step. */
  long PRIME = 0x100000001b3L;

  /** The hash of the bytes between position and limit; the buffer is left as it was. */
  static long hash(ByteBuffer data) {
    return update(EMPTY, data);
  }

  /** The hash of a whole array. */
  static long hash(byte[] data) {
    return hash(ByteBuffer.wrap(data));
  }

  /** Goes on from the hash of what came before, for data that arrives in chunks. */
  static long update(long hash, ByteBuffer data) {
    long h = hash;
    for (int i = data.position(), end = data.limit(); i < end; i++) {
      h = (h ^ (data.get(i) & 0xff)) * PRIME;
    }
    return h;
  }
}
