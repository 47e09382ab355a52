// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import java.nio.file.Path;
import java.util.Map;

/** Where Knarr keeps what it fetches, so that nothing is fetched twice. */
public final class CacheFolder {
  private CacheFolder() {}

  /**
   * {@code KNARR_CACHE}, or the folder {@code knarr} in {@code XDG_CACHE_HOME}, or in {@code
   * ~/.cache}, absolute: the rule that the launcher and the scripts follow too. It need not exist
   * yet.
   */
  public static Path path() {
    return path(System.getenv(), System.getProperty("user.home", "/")).toAbsolutePath();
  }

  static Path path(Map<String, String> environment, String home) {
    String own = environment.getOrDefault("KNARR_CACHE", "");
    if (!own.isEmpty()) {
      return Path.of(own);
    }
    String shared = environment.getOrDefault("XDG_CACHE_HOME", "");
    return (shared.isEmpty() ? Path.of(home, ".cache") : Path.of(shared)).resolve("knarr");
  }

  /** The tree of stock llama.cpp and ggml that {@code scripts/llama-cpp.sh} makes. */
  public static Path llamaCpp() {
    return path().resolve("llama.cpp");
  }
}
