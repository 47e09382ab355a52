// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * How a process that opened ports of its own choice tells whoever started it: one JSON object of
 * names and {@code host:port} texts, with {@code pid}, that appears whole or not at all.
 */
public final class Announcement {
  private Announcement() {}

  /**
   * Writes the announcement.
   *
   * @param file where; it must not exist yet in a folder that does
   * @param endpoints names such as {@code rpc} and addresses such as {@code 127.0.0.1:50052},
   *     without characters that JSON escapes
   * @throws UncheckedIOException if the file cannot be written
   */
  public static void write(Path file, Map<String, String> endpoints) {
    String fields =
        new TreeMap<>(endpoints)
            .entrySet().stream()
                .map(entry -> "\"%s\": \"%s\", ".formatted(entry.getKey(), entry.getValue()))
                .collect(Collectors.joining());
    String json = "{%s\"pid\": %d}\n".formatted(fields, ProcessHandle.current().pid());
    var part = file.resolveSibling(file.getFileName() + ".part");
    try {
      Files.writeString(part, json);
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new UncheckedIOException("The ports cannot be written to " + file, e);
    }
  }
}
