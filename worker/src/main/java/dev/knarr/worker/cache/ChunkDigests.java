// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * A digest of each 4 MiB of some data: a proof that several threads can check at once, each piece
 * where it has just been read to. Immutable.
 */
final class ChunkDigests {
  static final int CHUNK_BYTES = 4 << 20;

  /** What a digest is to stand up to. */
  enum Kind {
    /** SHA-256, 1.6 GB/s: what clients sent is proven to be what they sent. */
    STRONG(32),

    /** CRC32C, at the speed of memory: damage to a file that is the user's own. */
    QUICK(4);

    private final int bytes;

    Kind(int bytes) {
      this.bytes = bytes;
    }

    /** Bytes of one digest. */
    int bytes() {
      return bytes;
    }

    /** The digest of the bytes between position and limit, which stay as they were. */
    byte[] digest(ByteBuffer data) {
      return switch (this) {
        case STRONG -> sha256(data.duplicate());
        case QUICK -> crc32c(data.duplicate());
      };
    }

    private static byte[] sha256(ByteBuffer data) {
      try {
        var sha = MessageDigest.getInstance("SHA-256");
        sha.update(data);
        return sha.digest();
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("Every JDK has SHA-256.", e);
      }
    }

    private static byte[] crc32c(ByteBuffer data) {
      var crc = new CRC32C();
      crc.update(data);
      return ByteBuffer.allocate(Integer.BYTES).putInt((int) crc.getValue()).array();
    }
  }

  private final Kind kind;
  private final byte[] digests;

  /** The digests one after the other. */
  ChunkDigests(Kind kind, byte[] digests) {
    this.kind = kind;
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
    byte[] digest = kind.digest(data);
    int at = chunk * kind.bytes;
    return Arrays.equals(digest, 0, kind.bytes, digests, at, at + kind.bytes);
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
