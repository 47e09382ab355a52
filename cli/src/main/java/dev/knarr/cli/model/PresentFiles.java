// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.head.api.FetchReason;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;

/** Looks whether a model that should be here is here. */
final class PresentFiles {
  private PresentFiles() {}

  /**
   * The model's file, or its first part with all others beside it.
   *
   * @param remedy what to do where the file does not exist
   * @throws ModelException where something is missing, or may not be read
   */
  static Path require(Path path, String remedy) {
    if (Files.isDirectory(path)) {
      throw new ModelException(
          FetchReason.MODEL_UNREADABLE,
          "The model %s is a folder: name the .gguf file, or the first of its parts."
              .formatted(path));
    }
    var missing = new ArrayList<String>();
    var parts = PartNames.of(String.valueOf(path.getFileName()));
    for (var part : parts) {
      var file = path.resolveSibling(part);
      if (!Files.isRegularFile(file)) {
        missing.add(part);
      } else if (!Files.isReadable(file)) {
        throw new ModelException(
            FetchReason.MODEL_UNREADABLE,
            "The model %s may not be read by this user: change its permissions.".formatted(file));
      }
    }
    if (missing.isEmpty()) {
      return path;
    }
    if (parts.size() == 1) {
      throw new ModelException(
          FetchReason.MODEL_NOT_FOUND, "The model %s does not exist: %s.".formatted(path, remedy));
    }
    throw new ModelException(
        FetchReason.MODEL_NOT_FOUND,
        "%d of the %d parts of the model are missing in %s: %s. Put them beside the first."
            .formatted(missing.size(), parts.size(), path.getParent(), String.join(", ", missing)));
  }
}
