// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.OptionalLong;

/** Weights that are to go to a worker, wherever they are. Any thread. */
interface Content {
  long bytes();

  /** How much memory they take until they have gone. */
  long heldBytes();

  /**
   * Fills the rest of a buffer.
   *
   * @param from offset in the content; there must be enough behind it
   */
  void read(long from, ByteBuffer target) throws IOException;

  /** Their hash, where it is known already. */
  OptionalLong hash();

  /** Notes what their hash is. */
  void is(long hash);

  /** Weights in memory. */
  final class Held implements Content {
    private final ByteBuffer data;

    /** All bytes between position and limit. */
    Held(ByteBuffer data) {
      this.data = data.slice();
    }

    @Override
    public long bytes() {
      return data.capacity();
    }

    @Override
    public long heldBytes() {
      return data.capacity();
    }

    @Override
    public void read(long from, ByteBuffer target) {
      target.put(data.slice((int) from, target.remaining()));
    }

    @Override
    public OptionalLong hash() {
      return OptionalLong.empty();
    }

    @Override
    public void is(long hash) {}
  }
}
