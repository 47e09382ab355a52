// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.cli.local.Installation;
import dev.knarr.cli.local.LocalSpec;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/** What the commands are pointed at. */
final class ClusterInput {
  private ClusterInput() {}

  static Path cacheFolder() {
    return Installation.cacheFolder(System.getenv());
  }

  static boolean isModel(Path file) {
    return String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT).endsWith(".gguf");
  }

  static Optional<LocalSpec> read(Path file) {
    throw CommandFailure.usage("todo");
  }
}
