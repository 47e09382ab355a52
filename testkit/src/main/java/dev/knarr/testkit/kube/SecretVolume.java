// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.kube;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;

/**
 * A folder that changes as the kubelet changes a mounted Secret (AtomicWriter, Kubernetes 1.34):
 * entries are links through {@code ..data}, a link to a folder of this version, which is replaced
 * by renaming; the folder of before goes afterwards. One thread.
 */
public final class SecretVolume {
  private final Path folder;
  private int version;

  private SecretVolume(Path folder) {
    this.folder = folder;
  }

  /** A volume that holds nothing yet; the folder is made when it is not there. */
  public static SecretVolume at(Path folder) {
    try {
      return new SecretVolume(Files.createDirectories(folder));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Replaces all entries at once. */
  public void put(Map<String, String> entries) {
    var data = folder.resolve("..data");
    var next = folder.resolve("..data_tmp");
    try {
      var before = Files.exists(data) ? data.toRealPath() : null;
      var made = Files.createDirectory(folder.resolve("..version_" + version++));
      for (var entry : entries.entrySet()) {
        Files.writeString(made.resolve(entry.getKey()), entry.getValue());
      }
      Files.createSymbolicLink(next, made.getFileName());
      Files.move(next, data, StandardCopyOption.ATOMIC_MOVE);
      for (var name : entries.keySet()) {
        if (!Files.isSymbolicLink(path(name))) {
          Files.createSymbolicLink(path(name), Path.of("..data", name));
        }
      }
      if (before != null) {
        try (var old = Files.list(before)) {
          for (var file : old.toList()) {
            Files.delete(file);
          }
        }
        Files.delete(before);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where an entry is read. */
  public Path path(String name) {
    return folder.resolve(name);
  }
}
