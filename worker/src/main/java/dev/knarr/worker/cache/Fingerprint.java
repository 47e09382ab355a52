// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import dev.knarr.rpc.Fnv1a;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * The name of some data and its proof, worked out from the data itself. Immutable.
 *
 * @param key what a client calls it
 * @param digests what it is checked by when it is used
 */
record Fingerprint(TensorKey key, ChunkDigests digests) {
  /**
   * Reads a range of a file once; at less than 1 GB/s, since FNV-1a cannot be split.
   *
   * @param kind of the digests
   * @param stopping asked between pieces
   * @return empty when told to stop
   * @throws EOFException when the file ends before the range
   */
  static Optional<Fingerprint> of(
      FileChannel file, long offset, long bytes, ChunkDigests.Kind kind, BooleanSupplier stopping)
      throws IOException {
    int chunks = ChunkDigests.chunks(bytes);
    byte[] digests = new byte[chunks * kind.bytes()];
    long hash = Fnv1a.EMPTY;
    try (Arena arena = Arena.ofConfined()) {
      ByteBuffer chunk = arena.allocate(ChunkDigests.CHUNK_BYTES, 64).asByteBuffer();
      for (int i = 0; i < chunks; i++) {
        if (stopping.getAsBoolean()) {
          return Optional.empty();
        }
        chunk.clear().limit(ChunkDigests.chunkBytes(bytes, i));
        long at = offset + (long) i * ChunkDigests.CHUNK_BYTES;
        if (!ChunkDigests.readFully(file, at, chunk)) {
          throw new EOFException("The file ends before byte " + (at + chunk.limit()));
        }
        chunk.flip();
        System.arraycopy(kind.digest(chunk), 0, digests, i * kind.bytes(), kind.bytes());
        hash = Fnv1a.update(hash, chunk);
      }
    }
    return Optional.of(
        new Fingerprint(new TensorKey(hash, bytes), new ChunkDigests(kind, digests)));
  }
}
