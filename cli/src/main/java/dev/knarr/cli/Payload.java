// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Copies an installation. */
final class Payload {
  /**
   * What is started, relative to an installation; it comes last, so that it is never there alone.
   */
  static final String LAUNCHER = "bin/knarr";

  /** What is not complete yet; of a run that broke off, or of this one. */
  private static final String UNFINISHED = ".installing";

  private Payload() {}

  /**
   * Copies a folder. What is in the target under the same names is replaced as a whole, so a second
   * run over a half copy is as good as a first one.
   *
   * @return the size of all files
   */
  static long copy(Path home, Path target) throws IOException {
    var unfinished = target.resolve(UNFINISHED);
    Files.createDirectories(target);
    remove(unfinished);
    long bytes = copyTree(home, unfinished);
    var parts = new ArrayList<Path>();
    try (var entries = Files.list(unfinished)) {
      entries.forEach(parts::add);
    }
    var last = Path.of(LAUNCHER).getName(0);
    parts.sort(Comparator.comparing((Path part) -> part.getFileName().equals(last)));
    for (Path part : parts) {
      var place = target.resolve(part.getFileName());
      remove(place);
      Files.move(part, place, StandardCopyOption.ATOMIC_MOVE);
    }
    Files.delete(unfinished);
    return bytes;
  }

  private static long copyTree(Path from, Path to) throws IOException {
    var bytes = new AtomicLong();
    Files.walkFileTree(
        from,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
              throws IOException {
            Files.createDirectory(to.resolve(from.relativize(folder).toString()));
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            // With its time: the JVM's cache of classes suits only the very jar it was made for.
            Files.copy(
                file,
                to.resolve(from.relativize(file).toString()),
                StandardCopyOption.COPY_ATTRIBUTES,
                LinkOption.NOFOLLOW_LINKS);
            bytes.addAndGet(attributes.size());
            return FileVisitResult.CONTINUE;
          }
        });
    return bytes.get();
  }

  private static void remove(Path tree) throws IOException {
    if (!Files.exists(tree, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Files.walkFileTree(
        tree,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException e)
              throws IOException {
            Files.delete(folder);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
