// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

import java.nio.file.Files;
import java.nio.file.Path;

/** The demo models of this repository. */
public final class DemoModels {
  private DemoModels() {}

  /** A file of {@code docs/examples/models}, found from whatever module the tests run in. */
  public static Path path(String name) {
    var folder = Path.of("").toAbsolutePath();
    while (folder != null) {
      var models = folder.resolve("docs/examples/models");
      if (Files.isDirectory(models)) {
        return models.resolve(name);
      }
      folder = folder.getParent();
    }
    throw new IllegalStateException(
        "docs/examples/models is not above " + Path.of("").toAbsolutePath());
  }
}
