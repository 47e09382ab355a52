// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The form of a cached file: the data, so that it can be written as it arrives, then a trailer of
 * magic, hash, length, a digest of every 4 MiB, and a digest of the trailer itself.
 */
final class EntryFile {
  private static final long MAGIC = 0x3130_5452_5241_4e4bL; // "KNARRT01"
  private static final int HEAD_BYTES = 3 * Long.BYTES;

  /** Of the data and of the trailer. */
  static final ChunkDigests.Kind DIGESTS = ChunkDigests.Kind.STRONG;

  private EntryFile() {}

  private static int trailerBytes(long bytes) {
    return HEAD_BYTES + (ChunkDigests.chunks(bytes) + 1) * DIGESTS.bytes();
  }

  /** The size of the file that holds so many bytes of data. */
  static long fileBytes(long bytes) {
    return bytes + trailerBytes(bytes);
  }

  /** What to write behind the data. */
  static ByteBuffer trailer(Fingerprint fingerprint) {
    var trailer =
        ByteBuffer.allocate(trailerBytes(fingerprint.key().bytes()))
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(MAGIC)
            .putLong(fingerprint.key().hash())
            .putLong(fingerprint.key().bytes())
            .put(fingerprint.digests().bytes());
    byte[] seal = DIGESTS.digest(trailer.duplicate().flip());
    return trailer.put(seal).flip();
  }

  /**
   * The digests that a file gives for its data.
   *
   * @throws CacheException when the file is not a whole one of this data
   * @throws IOException as the file system says
   */
  static ChunkDigests readTrailer(FileChannel file, Path path, TensorKey key) throws IOException {
    if (file.size() != fileBytes(key.bytes())) {
      throw new CacheException(
          CacheFault.TRUNCATED,
          "%s has %d bytes and must have %d".formatted(path, file.size(), fileBytes(key.bytes())));
    }
    var trailer = ByteBuffer.allocate(trailerBytes(key.bytes())).order(ByteOrder.LITTLE_ENDIAN);
    if (!ChunkDigests.readFully(file, key.bytes(), trailer)) {
      throw new CacheException(CacheFault.TRUNCATED, path + " has just become shorter");
    }
    trailer.flip();
    int sealAt = trailer.limit() - DIGESTS.bytes();
    byte[] seal = DIGESTS.digest(trailer.slice(0, sealAt));
    if (!trailer.slice(sealAt, DIGESTS.bytes()).equals(ByteBuffer.wrap(seal))
        || trailer.getLong() != MAGIC
        || trailer.getLong() != key.hash()
        || trailer.getLong() != key.bytes()) {
      throw new CacheException(
          CacheFault.BAD_TRAILER, path + " has a damaged end, or one of other data");
    }
    return new ChunkDigests(DIGESTS, Arrays.copyOfRange(trailer.array(), HEAD_BYTES, sealAt));
  }
}
