// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where ggml's files are. Finding them looks at names only and loads nothing. Immutable.
 *
 * @param libraries the directory of libggml-base and libggml
 * @param backends the directory of the backends, one file for each kind of device
 */
public record GgmlLocation(Path libraries, Path backends) {
  private static final String ENVIRONMENT = "KNARR_GGML_DIR";

  /**
   * Looks for ggml in the configured directory, among the system's libraries, and in the tree that
   * scripts/llama-cpp.sh made, in this order. A configured directory is the only one looked at.
   *
   * @param configured the option {@code --ggml-dir}; where null, the environment's {@code
   *     KNARR_GGML_DIR} takes its place
   * @param treeDir the tree of stock llama.cpp, which need not exist
   * @throws GgmlException LIBRARY_NOT_FOUND if a directory is configured and has no ggml
   */
  public static Optional<GgmlLocation> find(@Nullable Path configured, Path treeDir) {
    String environment = System.getenv(ENVIRONMENT);
    Path wanted =
        configured != null || environment == null || environment.isEmpty()
            ? configured
            : Path.of(environment);
    return find(wanted, systemDirectories(System.getProperty("os.arch", "")), treeDir);
  }

  static Optional<GgmlLocation> find(@Nullable Path configured, List<Path> system, Path treeDir) {
    if (configured != null) {
      return Optional.of(
          at(configured)
              .or(() -> at(configured.resolve("lib")))
              .orElseThrow(
                  () ->
                      new GgmlException(
                          GgmlFault.LIBRARY_NOT_FOUND,
                          "%s (--ggml-dir, %s) has no ggml: libggml-base.so, libggml.so and backends such as libggml-cpu.so were expected there or in %s"
                              .formatted(configured, ENVIRONMENT, configured.resolve("lib")))));
    }
    return Stream.concat(system.stream(), Stream.of(treeDir.resolve("lib")))
        .flatMap(directory -> at(directory).stream())
        .findFirst();
  }

  /**
   * Whether this is the ggml of that tree, which needs the tree's C library too: such a JVM is
   * started through the tree's {@code bin/with-ggml}.
   */
  public boolean inTree(Path treeDir) {
    return libraries.startsWith(treeDir);
  }

  /** The file of libggml-base. */
  Path base() {
    return library(libraries, "libggml-base").orElseThrow();
  }

  /** The file of libggml. */
  Path registry() {
    return library(libraries, "libggml").orElseThrow();
  }

  private static Optional<GgmlLocation> at(Path directory) {
    if (library(directory, "libggml-base").isEmpty() || library(directory, "libggml").isEmpty()) {
      return Optional.empty();
    }
    // Debian keeps the backends of ABI 0 in ggml/backends0, our tree links to them from beside lib,
    // other builds put everything into one directory.
    List<Path> candidates =
        new ArrayList<>(
            List.of(
                directory, directory.resolve("backends"), directory.resolveSibling("backends")));
    candidates.addAll(numberedBackends(directory.resolve("ggml")));
    return candidates.stream()
        .filter(GgmlLocation::hasBackends)
        .findFirst()
        .map(backends -> new GgmlLocation(directory, backends));
  }

  private static Optional<Path> library(Path directory, String name) {
    return Stream.of(".so", ".so.0")
        .map(suffix -> directory.resolve(name + suffix))
        .filter(Files::isRegularFile)
        .findFirst();
  }

  private static List<Path> numberedBackends(Path directory) {
    return list(directory)
        .filter(path -> path.getFileName().toString().startsWith("backends"))
        .sorted()
        .toList();
  }

  private static boolean hasBackends(Path directory) {
    return list(directory)
        .anyMatch(path -> path.getFileName().toString().matches("libggml-cpu.*\\.so"));
  }

  private static Stream<Path> list(Path directory) {
    if (!Files.isDirectory(directory)) {
      return Stream.empty();
    }
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read " + directory, e);
    }
  }

  private static List<Path> systemDirectories(String architecture) {
    String triplet = (architecture.equals("amd64") ? "x86_64" : architecture) + "-linux-gnu";
    return Stream.of(
            "/usr/local/lib/" + triplet,
            "/usr/local/lib",
            "/usr/lib/" + triplet,
            "/usr/lib64",
            "/usr/lib")
        .map(Path::of)
        .toList();
  }
}
