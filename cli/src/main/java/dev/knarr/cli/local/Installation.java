// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.os.CacheFolder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where this Knarr lives. Immutable.
 *
 * @param home the folder of the launcher script
 * @param cache models, the tree of llama.cpp, and what runs leave behind
 */
public record Installation(Path home, Path cache) {
  /**
   * The one that this process belongs to, as the launcher script says.
   *
   * @throws LocalException where the program was not started by the script
   */
  public static Installation current() {
    var home = Optional.ofNullable(System.getenv("KNARR_HOME")).map(Path::of);
    if (home.isEmpty() || !Files.isExecutable(home.get().resolve("knarr"))) {
      throw new LocalException(
          "KNARR_HOME names no folder with the knarr script: start Knarr by that script.");
    }
    return new Installation(home.get(), CacheFolder.path());
  }

  /** The launcher script. */
  Path script() {
    return home.resolve("knarr");
  }

  /** Where fetched models are kept. */
  public Path models() {
    return cache.resolve("models");
  }

  /** Where models with random weights are kept. */
  public Path syntheticModels() {
    return cache.resolve("synthetic");
  }

  /** The tree of stock llama.cpp and ggml, whether it is there yet or not. */
  Path llamaTree() {
    return cache.resolve("llama.cpp");
  }

  /** What fetches {@link #llamaTree}. */
  Path llamaTreeScript() {
    return home.resolve("scripts").resolve("llama-cpp.sh");
  }
}
