// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** The tree of stock llama.cpp programs that scripts/llama-cpp.sh makes. Any thread. */
public final class LlamaCppTree {

  private LlamaCppTree() {}

  /** Returns the tree's directory, whether it is there or not. */
  public static Path directory() {
    String cache = System.getenv("KNARR_CACHE");
    if (cache != null) {
      return Path.of(cache, "llama.cpp");
    }
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path base = xdg != null ? Path.of(xdg) : Path.of(System.getenv("HOME"), ".cache");
    return base.resolve("knarr").resolve("llama.cpp");
  }

  /**
   * Returns a program of the tree.
   *
   * @throws IllegalStateException when it is not there, with the command that gets it
   */
  public static Path program(String name) {
    Path program = directory().resolve("bin").resolve(name);
    if (!Files.isExecutable(program)) {
      throw new IllegalStateException(
          "There is no " + program + ": run scripts/llama-cpp.sh " + directory());
    }
    return program;
  }

  /**
   * Makes an environment one for stock programs of a test: one thread, no debugger, and not the
   * Vulkan device that a test's own JVM may have been given. A stock worker takes a GPU before the
   * CPU, and would silently be compared as something else than a CPU worker.
   */
  public static void prepare(Map<String, String> environment) {
    environment.put("OMP_NUM_THREADS", "1");
    environment.put("GGML_NO_BACKTRACE", "1");
    environment.remove("VK_DRIVER_FILES");
    environment.remove("GGML_VK_VISIBLE_DEVICES");
  }

  /** Returns a loopback port that nobody listened on a moment ago. */
  public static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
