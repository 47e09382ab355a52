// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;

/** How many threads can compute at the same time without sharing a core. */
public final class Processors {
  private Processors() {}

  /**
   * The machine's physical cores, as llama.cpp counts them for its own default, but no more than
   * the processors that affinity and control groups leave to this process; 1 or more.
   */
  public static int cores() {
    return cores(Path.of("/sys/devices/system/cpu"), Runtime.getRuntime().availableProcessors());
  }

  static int cores(Path processors, int available) {
    var siblings = new HashSet<String>();
    try (var folders = Files.newDirectoryStream(processors, "cpu[0-9]*")) {
      for (var folder : folders) {
        var list = folder.resolve("topology/thread_siblings_list");
        if (Files.isReadable(list)) {
          siblings.add(Files.readString(list).strip());
        }
      }
    } catch (IOException | UncheckedIOException | DirectoryIteratorException _) {
      return available;
    }
    return siblings.isEmpty() ? available : Math.clamp(siblings.size(), 1, available);
  }
}
