// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.testkit.peers.StockWorker;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is left when nobody could clean up. */
class KilledHeadIT {

  /** A head in a JVM of its own; prints the process id of its llama-server once it is ready. */
  static final class Main {
    public static void main(String[] args) {
      RunningHead head = new RunningHead(HeadConfig.read(Path.of(args[0])));
      head.awaitPhase(HeadPhase.READY);
      System.out.println("llama-server=" + head.llamaServer().orElseThrow().pid());
    }
  }

  @Nested
  class GivenAHeadThatServes {

    @TempDir Path folder;

    @Test
    void whenItIsKilled_thenLlamaServerIsGoneAndTheWorkerServesTheNext() throws IOException {
      try (StockWorker worker = StockWorker.start()) {
        HeadConfig config = RunningHead.config(List.of(worker.address()));
        Path file = Files.writeString(folder.resolve("head.json"), config.toJson());
        Process head =
            new ProcessBuilder(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--enable-native-access=ALL-UNNAMED",
                    "-cp",
                    System.getProperty("java.class.path"),
                    Main.class.getName(),
                    file.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
          ProcessHandle server = ProcessHandle.of(serverOf(head)).orElseThrow();
          assertThat(server.isAlive()).isTrue();

          head.destroyForcibly();

          await("llama-server gone").atMost(Duration.ofSeconds(10)).until(() -> !server.isAlive());
        } finally {
          head.destroyForcibly();
        }
        try (RunningHead next = new RunningHead(config)) {
          next.awaitPhase(HeadPhase.READY);
          assertThat(next.ask("What is Knarr?")).isEqualTo(RunningHead.ANSWER);
        }
      }
    }

    private static long serverOf(Process head) throws IOException {
      BufferedReader output =
          new BufferedReader(new InputStreamReader(head.getInputStream(), StandardCharsets.UTF_8));
      String line = output.readLine();
      while (line != null && !line.startsWith("llama-server=")) {
        line = output.readLine();
      }
      assertThat(line).as("the head becomes ready").isNotNull();
      return Long.parseLong(String.valueOf(line).replace("llama-server=", ""));
    }
  }
}
