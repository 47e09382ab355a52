// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * Tells whoever started this process where to find it. Immutable.
 *
 * @param management address of the management port
 * @param pid this process
 */
record HeadAnnouncement(String management, long pid) {

  static HeadAnnouncement of(int managementPort) {
    return new HeadAnnouncement("127.0.0.1:" + managementPort, ProcessHandle.current().pid());
  }

  /** Writes the file as a whole: a reader finds all of it or nothing. */
  void write(Path file) throws IOException {
    Path target = file.toAbsolutePath();
    Path folder = target.getParent();
    if (folder == null) {
      throw new IOException("Not a file to announce in: " + file);
    }
    Path temporary = Files.createTempFile(folder, ".announce", ".json");
    try {
      Files.writeString(temporary, new ObjectMapper().writeValueAsString(this));
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }
}
