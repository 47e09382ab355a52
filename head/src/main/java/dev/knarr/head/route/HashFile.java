// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.rpc.Fnv1a;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * What the tensors of one model file are called by hash, kept between starts. A damaged file, or
 * one of another state of the model, is as good as none. Any thread.
 */
final class HashFile {
  private static final int MAGIC = 0x4b6e4831; // KnH1

  private final Path file;
  private final String state;

  /**
   * The file for a model.
   *
   * @param folder where these files are
   * @param model whose hashes they are
   * @param state of the model, which a change of it changes
   */
  HashFile(Path folder, Path model, String state) {
    byte[] name = model.toAbsolutePath().toString().getBytes(StandardCharsets.UTF_8);
    this.file = folder.resolve("%016x".formatted(Fnv1a.hash(name)));
    this.state = model.toAbsolutePath() + " " + state;
  }

  /** Hashes by the offsets of tensors; none when there are none for this state of the model. */
  Map<Long, Long> read() {
    try {
      byte[] bytes = Files.readAllBytes(file);
      int end = bytes.length - Long.BYTES;
      if (end < 0 || ByteBuffer.wrap(bytes).getLong(end) != sum(bytes, end)) {
        return Map.of();
      }
      try (var in = new DataInputStream(new ByteArrayInputStream(bytes, 0, end))) {
        var hashes = new HashMap<Long, Long>();
        if (in.readInt() == MAGIC && in.readUTF().equals(state)) {
          for (int left = in.readInt(); left > 0; left--) {
            hashes.put(in.readLong(), in.readLong());
          }
        }
        return hashes;
      }
    } catch (NoSuchFileException e) {
      return Map.of();
    } catch (IOException e) {
      return Map.of(); // The hashes are then worked out again.
    }
  }

  void write(Map<Long, Long> hashes) throws IOException {
    var bytes = new ByteArrayOutputStream();
    try (var out = new DataOutputStream(bytes)) {
      out.writeInt(MAGIC);
      out.writeUTF(state);
      out.writeInt(hashes.size());
      for (var hash : hashes.entrySet()) {
        out.writeLong(hash.getKey());
        out.writeLong(hash.getValue());
      }
      out.writeLong(sum(bytes.toByteArray(), bytes.size()));
    }
    Files.createDirectories(file.getParent());
    var unfinished = Files.createTempFile(file.getParent(), "new", null);
    Files.write(unfinished, bytes.toByteArray());
    Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private static long sum(byte[] bytes, int count) {
    var sum = new CRC32C();
    sum.update(bytes, 0, count);
    return sum.getValue();
  }
}
