// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * Where this Knarr lives. Immutable.
 *
 * @param home the folder of the launcher script
 * @param cache models, the tree of llama.cpp, and what runs leave behind
 */
public record Installation(Path home, Path cache) {
  /**
   * As the launcher script says.
   *
   * @throws LocalException where the program was not started by the script
   */
  public static Installation of(Map<String, String> environment) {
    var home = Optional.ofNullable(environment.get("KNARR_HOME")).map(Path::of);
    if (home.isEmpty() || !Files.isExecutable(home.get().resolve("knarr"))) {
      throw new LocalException(
          "KNARR_HOME names no folder with the knarr script: start Knarr by that script.");
    }
    return new Installation(home.get(), cacheFolder(environment));
  }

  /** KNARR_CACHE, or the folder that the platform has for caches. */
  public static Path cacheFolder(Map<String, String> environment) {
    return variable(environment, "KNARR_CACHE")
        .map(Path::of)
        .or(() -> variable(environment, "XDG_CACHE_HOME").map(cache -> Path.of(cache, "knarr")))
        .orElseGet(() -> Path.of(System.getProperty("user.home"), ".cache", "knarr"))
        .toAbsolutePath();
  }

  /** The launcher script. */
  Path script() {
    return home.resolve("knarr");
  }

  /** Where fetched models are kept. */
  public Path models() {
    return cache.resolve("models");
  }

  /** The tree of stock llama.cpp and ggml, whether it is there yet or not. */
  Path llamaTree() {
    return cache.resolve("llama.cpp");
  }

  /** What fetches {@link #llamaTree}. */
  Path llamaTreeScript() {
    return home.resolve("scripts").resolve("llama-cpp.sh");
  }

  private static Optional<String> variable(Map<String, String> environment, String name) {
    return Optional.ofNullable(environment.get(name)).filter(value -> !value.isBlank());
  }
}
