// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import java.nio.ByteBuffer;

/**
 * One tensor that is kept as it arrives. Called by the connection's thread only. Closing it before
 * {@link #finish} gives it up.
 */
public interface TensorRecording extends AutoCloseable {
  /** The most bytes of one {@link #add}. */
  int PIECE_BYTES = StoreWriter.PIECE_BYTES;

  /** Takes a copy of the next bytes, those between position and limit. */
  void add(ByteBuffer data);

  /** All bytes have arrived. */
  void finish();

  @Override
  void close();
}
