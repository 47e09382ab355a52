// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LogTailTest {
  @TempDir Path folder;

  @Nested
  class GivenALogThatGrows {
    @Test
    void whenLinesOfAllLevelsCome_thenOnlyTroubleIsShownAndOnlyOnce() throws IOException {
      var log = folder.resolve("w.log");
      var tail = new LogTail(log);
      Files.writeString(
          log,
          "2026-11-22T18:04:27.3Z INFO  [w] fine\n2026-11-22T18:04:27.4Z WARN  [w] look\n2026-11-22T18:04:27.5Z ERR");

      var first = tail.warnings();
      Files.writeString(log, "OR [w] act\n", StandardOpenOption.APPEND);
      var second = tail.warnings();

      assertThat(first).containsExactly("2026-11-22T18:04:27.4Z WARN  [w] look");
      assertThat(second).containsExactly("2026-11-22T18:04:27.5Z ERROR [w] act");
      assertThat(tail.warnings()).isEmpty();
    }
  }
}
