// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.cli.terminal.ProgressLine;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;

/** The tree of stock llama.cpp and ggml in the cache, fetched when it is first needed. */
final class LlamaTree {
  private static final int LINES_QUOTED = 8;

  private final Installation installation;
  private final ProgressLine progress;

  LlamaTree(Installation installation, ProgressLine progress) {
    this.installation = installation;
    this.progress = progress;
  }

  /** llama-server of the tree, which is fetched where it is not there yet. */
  Path llamaServer() {
    ensure();
    return installation.llamaTree().resolve("bin").resolve("llama-server");
  }

  /** Makes sure that the tree is complete. */
  void ensure() {
    var tree = installation.llamaTree();
    // The script writes PACKAGES last.
    if (Files.isRegularFile(tree.resolve("PACKAGES"))) {
      return;
    }
    long started = System.nanoTime();
    var said = new ArrayDeque<String>();
    makeCacheFolder();
    try {
      var process =
          new ProcessBuilder(installation.llamaTreeScript().toString(), tree.toString())
              .redirectErrorStream(true)
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .start();
      // Stopped with us: a half-made tree is taken away by the script.
      var stop = new Thread(process::destroy, "stop-llama-cpp");
      Runtime.getRuntime().addShutdownHook(stop);
      try (var output = process.inputReader(StandardCharsets.UTF_8)) {
        progress.update("tree", "Fetching stock llama.cpp and ggml (once, about 20 MB) …");
        follow(output, said, started);
      }
      int code = process.waitFor();
      Runtime.getRuntime().removeShutdownHook(stop);
      if (code != 0) {
        throw new LocalException(
            "Stock llama.cpp could not be fetched into %s:%n  %s"
                .formatted(tree, String.join(System.lineSeparator() + "  ", said)));
      }
    } catch (IOException e) {
      throw new LocalException(
          "%s cannot be run: %s.".formatted(installation.llamaTreeScript(), e.getMessage()), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LocalException("Fetching stock llama.cpp was stopped.", e);
    }
    progress.line(
        "Fetched stock llama.cpp and ggml into %s (%d s)."
            .formatted(tree, (System.nanoTime() - started) / 1_000_000_000));
  }

  private void makeCacheFolder() {
    try {
      Files.createDirectories(installation.cache());
    } catch (IOException e) {
      throw new LocalException(
          "The cache folder %s cannot be made (%s): set KNARR_CACHE to a folder that you may write to."
              .formatted(installation.cache(), e.getClass().getSimpleName()),
          e);
    }
  }

  private void follow(BufferedReader output, Deque<String> said, long started) throws IOException {
    for (var line = output.readLine(); line != null; line = output.readLine()) {
      if (line.isBlank()) {
        continue;
      }
      said.addLast(line);
      if (said.size() > LINES_QUOTED) {
        said.removeFirst();
      }
      progress.update(
          "tree",
          "Fetching stock llama.cpp and ggml (once) … %d s: %s"
              .formatted((System.nanoTime() - started) / 1_000_000_000, line.strip()));
    }
  }
}
