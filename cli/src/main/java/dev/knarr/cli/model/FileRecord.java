// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.Properties;

/**
 * What is known of a fetched file, kept beside it as {@code FILE.source}: enough to tell whether it
 * is complete and whether the server still has the same. Immutable.
 *
 * @param url without its query
 * @param validator what names this version of the file at the server: a strong ETag or a date;
 *     empty where it gives neither
 * @param publishedSha256 the publisher's hash; empty where there is none
 * @param totalBytes the size; -1 while unknown
 */
record FileRecord(String url, String validator, String publishedSha256, long totalBytes) {
  /** Whether both speak of the same bytes, as far as a server can tell. */
  boolean sameFile(FileRecord other) {
    if (!publishedSha256.isEmpty() || !other.publishedSha256.isEmpty()) {
      return publishedSha256.equals(other.publishedSha256);
    }
    // A server that tells neither leaves the size to go by.
    return validator.equals(other.validator) && totalBytes == other.totalBytes;
  }

  static Optional<FileRecord> read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try {
      var values = new Properties();
      values.load(new StringReader(Files.readString(file)));
      return Optional.of(
          new FileRecord(
              values.getProperty("url", ""),
              values.getProperty("validator", ""),
              values.getProperty("sha256", ""),
              Long.parseLong(values.getProperty("bytes", "-1"))));
    } catch (IllegalArgumentException e) {
      return Optional.empty(); // A damaged record is as good as none: the file is fetched anew.
    }
  }

  void write(Path file) throws IOException {
    var temporary = file.resolveSibling(file.getFileName() + ".tmp");
    Files.writeString(
        temporary,
        "url=%s\nvalidator=%s\nsha256=%s\nbytes=%d\n"
            .formatted(url, validator.replace("\\", "\\\\"), publishedSha256, totalBytes));
    Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
  }
}
