// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import java.nio.file.Path;
import java.util.Map;

/** Where Knarr keeps what it fetches, so that nothing is fetched twice. */
public final class CacheFolder {
  private CacheFolder() {}

  /**
   * {@code KNARR_CACHE}, or the folder {@code knarr} in {@code XDG_CACHE_HOME}, or in {@code
   * $HOME/.cache}, absolute: the rule that the launcher and the scripts follow too. It need not
   * exist yet.
   */
  public static Path path() {
    return path(System.getenv()).toAbsolutePath();
  }

  static Path path(Map<String, String> environment) {
    String own = environment.getOrDefault("KNARR_CACHE", "");
    if (!own.isEmpty()) {
      return Path.of(own);
    }
    String shared = environment.getOrDefault("XDG_CACHE_HOME", "");
    // Not the property user.home, which is the account's home whatever HOME says.
    String home = environment.getOrDefault("HOME", System.getProperty("user.home", "/"));
    return (shared.isEmpty() ? Path.of(home, ".cache") : Path.of(shared)).resolve("knarr");
  }

  /** The tree of stock llama.cpp and ggml that {@code scripts/llama-cpp.sh} makes. */
  public static Path llamaCpp() {
    return path().resolve("llama.cpp");
  }
}
