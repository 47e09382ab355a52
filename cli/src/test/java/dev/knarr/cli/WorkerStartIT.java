// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a worker takes that has just become ready. How long that lasts is measured by a script. */
class WorkerStartIT {
  private static final long MOST_RESIDENT_BYTES = 150_000_000;
  private static final String[] ANYWHERE = {
    "worker", "--device", "CPU", "--port", "0", "--management-port", "0"
  };

  @Test
  void whenAWorkerIsReady_thenItUsesTheCacheAndLittleMemory() throws IOException {
    try (var knarr = KnarrProcess.start(ANYWHERE)) {
      knarr.awaitOutput(" ms after its start");
      var worker = knarr.awaitPart(line -> line.contains("quarkus-run.jar worker"));

      assertThat(Files.readString(proc(worker, "maps"))).contains("/cli/target/knarr-");
      assertThat(residentBytes(worker)).isBetween(1L, MOST_RESIDENT_BYTES);
      knarr.terminate();
      knarr.awaitNothingLeft();
    }
  }

  @Test
  void whenTheCacheDoesNotSuit_thenTheWorkerStartsWithoutItAndWithoutAWord(@TempDir Path folder)
      throws IOException {
    var damaged = Files.write(folder.resolve("damaged.aot"), new byte[8192]);

    try (var knarr =
        KnarrProcess.start(Map.of("KNARR_JAVA_OPTS", "-XX:AOTCache=" + damaged), ANYWHERE)) {
      knarr.awaitOutput(" ms after its start");

      assertThat(knarr.output()).doesNotContainIgnoringCase("AOT");
      knarr.terminate();
      knarr.awaitNothingLeft();
    }
  }

  private static Path proc(ProcessHandle process, String file) {
    return Path.of("/proc", Long.toString(process.pid()), file);
  }

  private static long residentBytes(ProcessHandle process) throws IOException {
    try (var lines = Files.lines(proc(process, "status"))) {
      var line = lines.filter(text -> text.startsWith("VmRSS:")).findFirst().orElseThrow();
      return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
    }
  }
}
