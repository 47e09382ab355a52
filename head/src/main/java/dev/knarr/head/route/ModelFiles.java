// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.gguf.GgufFile;
import dev.knarr.gguf.GgufTensor;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tensors of the files that clients load their models from: what a client sends can then be
 * read again later instead of being held in memory. Any thread.
 */
final class ModelFiles implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ModelFiles.class);

  private final Optional<Path> folder;
  private final List<Part> parts = new ArrayList<>();
  private final Map<Name, List<FileTensor>> tensors = new HashMap<>();
  private volatile boolean learned;

  private record Name(String name, long bytes) {}

  private record Stamp(long bytes, long modified, @Nullable Object key) {
    static Stamp of(Path path) throws IOException {
      var attributes = Files.readAttributes(path, BasicFileAttributes.class);
      return new Stamp(
          attributes.size(), attributes.lastModifiedTime().toMillis(), attributes.fileKey());
    }
  }

  private record Part(
      Path path, FileChannel file, Stamp stamp, Optional<HashFile> kept, List<FileTensor> tensors) {
    /** Notes the hashes of an earlier start. */
    void recall() {
      var hashes = kept.map(HashFile::read).orElse(Map.of());
      for (var tensor : tensors) {
        tensor.hash = hashes.get(tensor.offset);
      }
    }

    void keep() {
      var hashes = new HashMap<Long, Long>();
      for (var tensor : tensors) {
        Long hash = tensor.hash;
        if (hash != null) {
          hashes.put(tensor.offset, hash);
        }
      }
      try {
        if (kept.isPresent() && isUnchanged()) {
          kept.get().write(hashes);
        }
      } catch (IOException e) {
        LOG.debug("The hashes of {} are not kept", path, e);
      }
    }

    boolean isUnchanged() {
      try {
        return Stamp.of(path).equals(stamp);
      } catch (IOException e) {
        return false;
      }
    }
  }

  private ModelFiles(Optional<Path> folder) {
    this.folder = folder;
  }

  /**
   * Opens the files of models; what cannot be opened is left out.
   *
   * @param folder where to keep hashes between starts
   */
  static ModelFiles open(List<GgufFile> models, Optional<Path> folder) {
    var files = new ModelFiles(folder);
    models.forEach(files::add);
    files.parts.forEach(Part::recall);
    return files;
  }

  private void add(GgufFile model) {
    var opened = new ArrayList<@Nullable Part>();
    for (var path : model.parts()) {
      opened.add(open(path));
    }
    for (GgufTensor tensor : model.tensors()) {
      var part = opened.get(tensor.part());
      if (part != null) {
        var inFile = new FileTensor(part, tensor.offset(), tensor.bytes());
        part.tensors.add(inFile);
        tensors
            .computeIfAbsent(new Name(tensor.name(), tensor.bytes()), _ -> new ArrayList<>(1))
            .add(inFile);
      }
    }
  }

  private @Nullable Part open(Path path) {
    try {
      var stamp = Stamp.of(path);
      var part =
          new Part(
              path,
              FileChannel.open(path, StandardOpenOption.READ),
              stamp,
              folder.map(in -> new HashFile(in, path, stamp.toString())),
              new ArrayList<>());
      parts.add(part);
      return part;
    } catch (IOException e) {
      LOG.warn("{} cannot be read, so its weights are held in memory on their way: {}", path, e);
      return null;
    }
  }

  /** What may be a tensor, by its name and size. */
  List<FileTensor> find(String name, long bytes) {
    return tensors.getOrDefault(new Name(name, bytes), List.of());
  }

  /** A tensor in a file. */
  final class FileTensor implements Content {
    private final Part part;
    private final long offset;
    private final long bytes;
    private volatile @Nullable Long hash;

    private FileTensor(Part part, long offset, long bytes) {
      this.part = part;
      this.offset = offset;
      this.bytes = bytes;
    }

    @Override
    public long bytes() {
      return bytes;
    }

    @Override
    public long heldBytes() {
      return 0;
    }

    @Override
    public void read(long from, ByteBuffer target) throws IOException {
      Objects.checkFromIndexSize(from, target.remaining(), bytes);
      long at = offset + from;
      while (target.hasRemaining()) {
        int read = part.file.read(target, at);
        if (read < 0) {
          throw new EOFException(part.path + " has become shorter");
        }
        at += read;
      }
    }

    /** Whether the tensor has these bytes at an offset, all between position and limit. */
    boolean has(long from, ByteBuffer data, ByteBuffer scratch) throws IOException {
      read(from, scratch.clear().limit(data.remaining()));
      return scratch.flip().mismatch(data) < 0;
    }

    /** The hash, unless the file has changed since it was worked out. */
    @Override
    public OptionalLong hash() {
      Long known = hash;
      return known != null && part.isUnchanged() ? OptionalLong.of(known) : OptionalLong.empty();
    }

    @Override
    public void is(long value) {
      if (!Objects.equals(hash, value)) {
        hash = value;
        learned = true;
      }
    }
  }

  /** Keeps hashes that were worked out since the last time. */
  void keep() {
    if (learned) {
      learned = false;
      parts.forEach(Part::keep);
    }
  }

  @Override
  public void close() {
    keep();
    for (var part : parts) {
      try {
        part.file.close();
      } catch (IOException e) {
        LOG.debug("{} did not close", part.path, e);
      }
    }
  }
}
