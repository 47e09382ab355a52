// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Reads little-endian numbers from one file and knows how much of the file is left, so that every
 * announced size can be checked before it is used. One thread.
 */
final class HeaderInput {
  /**
   * No real header comes near: the largest vocabularies need some 20 MB. The limit ends the walk
   * through a sparse file that announces endless arrays.
   */
  private static final long MAX_HEADER_BYTES = 1L << 29;

  private final Path file;
  private final FileChannel channel;
  private final long size;
  private final ByteBuffer buffer =
      ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN).limit(0);
  private long bufferStart;

  HeaderInput(Path file, FileChannel channel) throws IOException {
    this.file = file;
    this.channel = channel;
    this.size = channel.size();
  }

  long position() {
    return bufferStart + buffer.position();
  }

  long size() {
    return size;
  }

  long remaining() {
    return size - position();
  }

  /**
   * Checks that {@code count} items of at least {@code bytesEach} can follow.
   *
   * @throws GgufException when the file is too short for them
   */
  void expect(long count, long bytesEach, String what) {
    if (count < 0 || count > remaining() / bytesEach) {
      throw fault(
          GgufFault.TRUNCATED,
          "%s announced, but only %,d bytes of the file are left."
              .formatted(what.formatted(Long.toUnsignedString(count)), remaining()),
          "The file is damaged or was not downloaded completely: fetch it again.");
    }
  }

  int u8() throws IOException {
    need(1);
    return Byte.toUnsignedInt(buffer.get());
  }

  int u16() throws IOException {
    need(2);
    return Short.toUnsignedInt(buffer.getShort());
  }

  int i32() throws IOException {
    need(4);
    return buffer.getInt();
  }

  long i64() throws IOException {
    need(8);
    return buffer.getLong();
  }

  String text(int bytes) throws IOException {
    expect(bytes, 1, "A text of %s bytes is");
    var raw = new byte[bytes];
    for (int done = 0; done < bytes; ) {
      need(1);
      var piece = Math.min(bytes - done, buffer.remaining());
      buffer.get(raw, done, piece);
      done += piece;
    }
    // Some converters cut text in the middle of a character: what cannot be read becomes U+FFFD.
    return new String(raw, StandardCharsets.UTF_8);
  }

  void skip(long bytes) throws IOException {
    expect(bytes, 1, "A field of %s bytes is");
    if (bytes <= buffer.remaining()) {
      buffer.position(buffer.position() + (int) bytes);
      return;
    }
    bufferStart = position() + bytes;
    buffer.position(0).limit(0);
    checkHeaderSize();
  }

  private void need(int bytes) throws IOException {
    if (buffer.remaining() >= bytes) {
      return;
    }
    if (remaining() < bytes) {
      throw fault(
          GgufFault.TRUNCATED,
          "The file ends in the middle of its header, after %,d bytes.".formatted(size),
          "It was not downloaded completely: fetch it again.");
    }
    checkHeaderSize();
    bufferStart = position();
    buffer.compact();
    while (buffer.position() < bytes) {
      if (channel.read(buffer, bufferStart + buffer.position()) < 0) {
        throw new IOException("the file became shorter while it was read");
      }
    }
    buffer.flip();
  }

  private void checkHeaderSize() {
    if (position() > MAX_HEADER_BYTES) {
      throw fault(
          GgufFault.LIMIT_EXCEEDED,
          "The header is longer than %,d bytes.".formatted(MAX_HEADER_BYTES),
          "No model needs that; the file is damaged: fetch it again.");
    }
  }

  GgufException fault(GgufFault fault, String what, String remedy) {
    return new GgufException(fault, file, position(), what, remedy);
  }
}
