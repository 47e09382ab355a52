// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Which llama-server to use: the one that was given; otherwise one on the PATH, if it proves
 * suitable; otherwise that of our tree. Only the head can prove it, over real workers.
 */
final class LlamaServers {
  private final Optional<Path> given;
  private final LlamaTree tree;

  LlamaServers(Optional<Path> given, LlamaTree tree) {
    this.given = given;
    this.tree = tree;
  }

  /**
   * A program to try.
   *
   * @param origin where it comes from, in words
   * @param last whether there is nothing to fall back to
   */
  record Candidate(Supplier<Path> source, String origin, boolean last) {
    /** The program; fetches it where that is what it takes. */
    Path program() {
      return source.get();
    }
  }

  /** Fails early where the program that was given cannot be run. */
  void requireGiven() {
    if (given.isPresent()
        && !(Files.isRegularFile(given.get()) && Files.isExecutable(given.get()))) {
      throw new OptionException(
          "--llama-server %s is no program that can be run: correct the path, or leave the option out."
              .formatted(given.get()));
    }
  }

  /** In the order in which to try them. */
  List<Candidate> candidates() {
    if (given.isPresent()) {
      return List.of(new Candidate(given::get, "--llama-server", true));
    }
    var ours = new Candidate(tree::llamaServer, "Knarr's own tree", true);
    return Programs.onPath("llama-server")
        .map(program -> List.of(new Candidate(() -> program, "on the PATH", false), ours))
        .orElse(List.of(ours));
  }
}
