// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes GGUF headers byte by byte, well formed or not. */
public final class GgufBytes {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /** Magic, version and both counts. */
  public static GgufBytes header(int version, long tensors, long keys) {
    return new GgufBytes()
        .raw("GGUF".getBytes(StandardCharsets.US_ASCII))
        .i32(version)
        .i64(tensors)
        .i64(keys);
  }

  public GgufBytes raw(byte... bytes) {
    out.writeBytes(bytes);
    return this;
  }

  public GgufBytes i32(int value) {
    return raw(little(4).putInt(value).array());
  }

  public GgufBytes i64(long value) {
    return raw(little(8).putLong(value).array());
  }

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  public GgufBytes text(String text) {
    var bytes = text.getBytes(StandardCharsets.UTF_8);
    return i64(bytes.length).raw(bytes);
  }

  public GgufBytes keyU32(String key, int value) {
    return text(key).i32(4).i32(value);
  }

  public GgufBytes keyU16(String key, int value) {
    return text(key).i32(2).raw((byte) value, (byte) (value >> 8));
  }

  public GgufBytes keyText(String key, String value) {
    return text(key).i32(8).text(value);
  }

  public GgufBytes keyArray(String key, int... values) {
    text(key).i32(9).i32(5).i64(values.length);
    for (int value : values) {
      i32(value);
    }
    return this;
  }

  public GgufBytes tensor(String name, int type, long offset, long... shape) {
    text(name).i32(shape.length);
    for (long extent : shape) {
      i64(extent);
    }
    return i32(type).i64(offset);
  }

  /** Zeros up to the next multiple of 32, then {@code bytes} more. */
  public GgufBytes data(int bytes) {
    int pad = Math.floorMod(-out.size(), 32);
    return raw(new byte[pad + bytes]);
  }

  public byte[] bytes() {
    return out.toByteArray();
  }

  public Path write(Path file) {
    try {
      return Files.write(file, bytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
