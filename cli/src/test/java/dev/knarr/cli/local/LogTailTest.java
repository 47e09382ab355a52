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

    @Test
    void whenSomebodyEmptiesIt_thenReadingGoesOn() throws IOException {
      var log = folder.resolve("w.log");
      var tail = new LogTail(log);
      Files.writeString(log, "2026-11-22T18:04:27.4Z WARN  [w] a rather long line\n");
      tail.warnings();

      Files.writeString(log, "");
      var empty = tail.warnings();
      Files.writeString(log, "2026-11-22T18:04:27.5Z WARN  [w] new\n");

      assertThat(empty).isEmpty();
      assertThat(tail.warnings()).containsExactly("2026-11-22T18:04:27.5Z WARN  [w] new");
    }

    @Test
    void whenItIsLargeAndNoText_thenItsLastLinesAreStillFound() throws IOException {
      var log = folder.resolve("w.log");
      var bytes = new byte[100_000];
      java.util.Arrays.fill(bytes, (byte) 0xff);
      Files.write(log, bytes);
      Files.writeString(log, "\none\ntwo\n", StandardOpenOption.APPEND);

      assertThat(LogTail.last(log, 2)).containsExactly("one", "two");
    }
  }

  @Nested
  class GivenALineOfTheHead {
    @Test
    void whenTheSupervisorCopes_thenItsSentenceIsShown() {
      assertThat(
              LocalHead.spoken(
                  "2026-11-22T19:14:32.183Z WARN  [de.kn.he.su.Supervisor] WaitingForWorkers (WorkerLost): Worker cpu-0 is gone."))
          .contains("Worker cpu-0 is gone.");
    }

    @Test
    void whenTheSupervisorGivesUp_thenTheFailureOfTheCommandTellsIt() {
      assertThat(
              LocalHead.spoken(
                  "2026-11-22T19:14:32.183Z ERROR [de.kn.he.su.Supervisor] Failed (WorkerLost): No."))
          .isEmpty();
    }
  }
}
