// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/**
 * What one run leaves behind: the logs of all parts and the head's configuration, in {@code
 * runs/NAME-TIME-PID} of the cache. Only this user may read it. The newest runs of a cluster stay,
 * older ones are removed when a new one begins.
 */
final class RunFolder {
  private static final int RUNS_KEPT = 5;

  private final Path path;

  private RunFolder(Path path) {
    this.path = path;
  }

  static RunFolder create(Path runs, String cluster, LocalDateTime now) {
    try {
      Files.createDirectories(runs);
      removeOldRuns(runs, cluster);
      var name =
          "%s-%s-%d"
              .formatted(
                  cluster,
                  now.format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss", Locale.ROOT)),
                  ProcessHandle.current().pid());
      var path = runs.resolve(name);
      Files.createDirectory(
          path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      return new RunFolder(path);
    } catch (IOException e) {
      throw new LocalException(
          "The folder for logs cannot be made in %s: %s. Make room, or set KNARR_CACHE to another folder."
              .formatted(runs, e.getMessage()),
          e);
    }
  }

  Path path() {
    return path;
  }

  Path log(String part) {
    return path.resolve(part + ".log");
  }

  Path announcement(String part) {
    return path.resolve(part + ".json");
  }

  Path headConfig() {
    return path.resolve("head-config.json");
  }

  /** Runs that still go on are left alone: their name ends in the id of a live process. */
  private static void removeOldRuns(Path runs, String cluster) {
    try (var entries = Files.list(runs)) {
      var old =
          entries
              .filter(run -> name(run).matches("\\Q" + cluster + "\\E-\\d{8}-\\d{6}-\\d+"))
              .filter(run -> !isAlive(run))
              .sorted(Comparator.comparing(RunFolder::name).reversed())
              .skip(RUNS_KEPT - 1)
              .toList();
      for (var run : old) {
        deleteTree(run);
      }
    } catch (IOException | UncheckedIOException e) {
      // Another run removes the same ones, for instance: what stays now goes the next time.
    }
  }

  private static boolean isAlive(Path run) {
    var name = name(run);
    return Optional.of(Long.parseLong(name.substring(name.lastIndexOf('-') + 1)))
        .flatMap(ProcessHandle::of)
        .map(ProcessHandle::isAlive)
        .orElse(false);
  }

  private static String name(Path path) {
    return String.valueOf(path.getFileName());
  }

  private static void deleteTree(Path root) throws IOException {
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(
              Path folder, @org.jspecify.annotations.Nullable IOException failure)
              throws IOException {
            Files.deleteIfExists(folder);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
