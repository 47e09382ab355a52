// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFolderTest {
  private static final LocalDateTime NOW = LocalDateTime.of(2026, 11, 22, 19, 20, 15);

  @TempDir Path runs;

  /** A run of a process that cannot be: ids end at four million. */
  private void oldRun(String cluster, int second) throws IOException {
    var run =
        Files.createDirectory(
            runs.resolve("%s-20261121-1020%02d-99999999".formatted(cluster, second)));
    for (int i = 0; i < 20; i++) {
      Files.writeString(run.resolve(i + ".log"), "a line");
    }
  }

  private long count(String cluster) throws IOException {
    try (var entries = Files.list(runs)) {
      return entries.filter(run -> run.getFileName().toString().startsWith(cluster)).count();
    }
  }

  @Nested
  class GivenManyOldRuns {
    @Test
    void whenANewOneBegins_thenTheNewestStayAndOthersAreLeftAlone() throws IOException {
      for (int i = 0; i < 9; i++) {
        oldRun("mine", i);
      }
      oldRun("other", 1);

      RunFolder.create(runs, "mine", NOW);

      assertThat(count("mine")).isEqualTo(5);
      assertThat(runs.resolve("mine-20261121-102008-99999999")).exists();
      assertThat(runs.resolve("mine-20261121-102004-99999999")).doesNotExist();
      assertThat(count("other")).isEqualTo(1);
    }

    @Test
    void whenSeveralBeginAtOnce_thenNoneFailsBecauseAnotherRemovesTheSame() throws Exception {
      for (int i = 0; i < 40; i++) {
        oldRun("mine", i);
      }

      var begun = new ArrayList<Future<RunFolder>>();
      try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        for (int i = 0; i < 8; i++) {
          var now = NOW.plusSeconds(i);
          begun.add(threads.submit(() -> RunFolder.create(runs, "mine", now)));
        }
      }

      for (var run : begun) {
        assertThat(run.get().path()).isDirectory();
      }
    }
  }
}
