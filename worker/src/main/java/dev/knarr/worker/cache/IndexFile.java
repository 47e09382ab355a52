// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * What is known of one seed file, kept for the next start: big-endian, with a digest at its end.
 * One that is damaged or of another state of the file is as good as none.
 */
final class IndexFile {
  private static final int MAGIC = 0x4b4e_5302;

  /** Of the data: the file is the user's own, and where it is used its stamp is looked at first. */
  static final ChunkDigests.Kind DIGESTS = ChunkDigests.Kind.QUICK;

  /** Of the index itself, and of the path that it is named by. */
  private static final ChunkDigests.Kind SEAL = ChunkDigests.Kind.STRONG;

  private IndexFile() {}

  private static Path path(Path folder, Path seed) {
    byte[] digest = SEAL.digest(ByteBuffer.wrap(seed.toString().getBytes(UTF_8)));
    return folder.resolve(HexFormat.of().formatHex(digest, 0, 8) + ".index");
  }

  /** Writes what is known; all of {@code tensors} are of this file in this state. */
  static void write(Path folder, Path seed, FileStamp stamp, List<SeedTensor> tensors)
      throws IOException {
    var bytes = new ByteArrayOutputStream();
    try (var out = new DataOutputStream(bytes)) {
      out.writeInt(MAGIC);
      out.writeUTF(seed.toString());
      out.writeLong(stamp.bytes());
      out.writeLong(stamp.modifiedNanos());
      out.writeUTF(stamp.identity());
      out.writeInt(tensors.size());
      for (var tensor : tensors) {
        out.writeLong(tensor.offset());
        out.writeLong(tensor.fingerprint().key().bytes());
        out.writeLong(tensor.fingerprint().key().hash());
        out.write(tensor.fingerprint().digests().bytes());
      }
    }
    bytes.write(SEAL.digest(ByteBuffer.wrap(bytes.toByteArray())));
    Files.createDirectories(folder);
    var unfinished = Files.createTempFile(folder, "index", ".new");
    try {
      Files.write(unfinished, bytes.toByteArray());
      Files.move(unfinished, path(folder, seed), StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(unfinished);
    }
  }

  /** What was written of this file in this state; nothing if it was another. */
  static List<SeedTensor> read(Path folder, Path seed, FileStamp stamp) {
    try {
      byte[] bytes = Files.readAllBytes(path(folder, seed));
      int end = bytes.length - SEAL.bytes();
      if (end < 0
          || !Arrays.equals(
              SEAL.digest(ByteBuffer.wrap(bytes, 0, end)),
              Arrays.copyOfRange(bytes, end, bytes.length))) {
        return List.of();
      }
      try (var in = new DataInputStream(new ByteArrayInputStream(bytes, 0, end))) {
        boolean same =
            in.readInt() == MAGIC
                && in.readUTF().equals(seed.toString())
                && new FileStamp(in.readLong(), in.readLong(), in.readUTF()).equals(stamp);
        return same ? tensors(in, seed, stamp) : List.of();
      }
    } catch (NoSuchFileException e) {
      return List.of();
    } catch (IOException e) {
      // Not readable is not there: the file is then hashed again.
      return List.of();
    }
  }

  private static List<SeedTensor> tensors(DataInputStream in, Path seed, FileStamp stamp)
      throws IOException {
    int count = in.readInt();
    var tensors = new ArrayList<SeedTensor>();
    for (int i = 0; i < count; i++) {
      long offset = in.readLong();
      long bytes = in.readLong();
      var key = new TensorKey(in.readLong(), bytes);
      byte[] digests = in.readNBytes(ChunkDigests.chunks(bytes) * DIGESTS.bytes());
      tensors.add(
          new SeedTensor(
              seed, stamp, offset, new Fingerprint(key, new ChunkDigests(DIGESTS, digests))));
    }
    return tensors;
  }

  static void delete(Path folder, Path seed) throws IOException {
    Files.deleteIfExists(path(folder, seed));
  }
}
