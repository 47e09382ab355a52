// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;

/**
 * SHA-256 of each 4 MiB of some data: a proof that several threads can check at once, each piece
 * where it has just been read to. Immutable.
 */
final class ChunkDigests {
  static final int CHUNK_BYTES = 4 << 20;
  static final int DIGEST_BYTES = 32;

  private final byte[] digests;

  /** The digests one after the other. */
  ChunkDigests(byte[] digests) {
    this.digests = digests.clone();
  }

  /** How many chunks so many bytes have; the last may be short. */
  static int chunks(long bytes) {
    return Math.toIntExact(Math.ceilDiv(bytes, CHUNK_BYTES));
  }

  /** Bytes of a chunk of data of so many bytes. */
  static int chunkBytes(long bytes, int chunk) {
    return (int) Math.min(CHUNK_BYTES, bytes - (long) chunk * CHUNK_BYTES);
  }

  byte[] bytes() {
    return digests.clone();
  }

  /** Whether the bytes between position and limit are those of a chunk. */
  boolean matches(int chunk, ByteBuffer data) {
    byte[] digest = digest(data);
    int at = chunk * DIGEST_BYTES;
    return Arrays.equals(digest, 0, DIGEST_BYTES, digests, at, at + DIGEST_BYTES);
  }

  /** SHA-256 of the bytes between position and limit, which stay as they were. */
  static byte[] digest(ByteBuffer data) {
    var sha = sha256();
    sha.update(data.duplicate());
    return sha.digest();
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256.", e);
    }
  }

  /**
   * Fills the rest of a buffer from a place of a file; false when the file ends before.
   *
   * @throws IOException as the file system says
   */
  static boolean readFully(FileChannel file, long position, ByteBuffer target) throws IOException {
    long at = position;
    while (target.hasRemaining()) {
      int read = file.read(target, at);
      if (read < 0) {
        return false;
      }
      at += read;
    }
    return true;
  }
}
