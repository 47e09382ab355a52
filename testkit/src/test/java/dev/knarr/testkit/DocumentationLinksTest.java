// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Every link from one page of the repository to another leads somewhere. */
class DocumentationLinksTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Set<String> NOT_OURS = Set.of("target", ".git", "node_modules");
  private static final Pattern FENCED = Pattern.compile("(?ms)^ {0,3}```.*?^ {0,3}```");
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)#\\s]*)(?:#([^)\\s]*))?\\)");
  private static final Pattern HEADING = Pattern.compile("(?m)^#+ +(.*?) *$");

  @Nested
  class GivenThePagesOfTheRepository {
    @Test
    void whenTheirRelativeLinksAreFollowed_thenEachLeadsToAFileAndAHeading() throws IOException {
      List<Path> pages = pages();

      List<String> broken = new ArrayList<>();
      for (Path page : pages) {
        broken.addAll(brokenLinks(page));
      }

      assertThat(pages).isNotEmpty();
      assertThat(broken).as("links that lead nowhere").isEmpty();
    }
  }

  private static List<String> brokenLinks(Path page) throws IOException {
    var broken = new ArrayList<String>();
    var links = LINK.matcher(FENCED.matcher(Files.readString(page)).replaceAll(""));
    while (links.find()) {
      String file = links.group(1);
      String heading = links.group(2);
      if (file.contains(":")) {
        continue; // An address of the network.
      }
      Path target = file.isEmpty() ? page : page.resolveSibling(file).normalize();
      boolean leads =
          Files.exists(target)
              && (heading == null || Files.isDirectory(target) || has(target, heading));
      if (!leads) {
        broken.add(ROOT.relativize(page) + " -> " + links.group().replaceAll("^..|.$", ""));
      }
    }
    return broken;
  }

  private static boolean has(Path page, String heading) throws IOException {
    return HEADING
        .matcher(Files.readString(page))
        .results()
        .anyMatch(result -> anchor(result.group(1)).equals(heading));
  }

  /** As the usual viewers of Markdown make anchors. */
  private static String anchor(String heading) {
    return heading.toLowerCase(Locale.ROOT).replaceAll("[^\\p{L}\\p{N} _-]", "").replace(' ', '-');
  }

  private static List<Path> pages() throws IOException {
    var pages = new ArrayList<Path>();
    Files.walkFileTree(
        ROOT,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
            return NOT_OURS.contains(String.valueOf(folder.getFileName()))
                ? FileVisitResult.SKIP_SUBTREE
                : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (file.toString().endsWith(".md")) {
              pages.add(file);
            }
            return FileVisitResult.CONTINUE;
          }
        });
    return pages;
  }
}
