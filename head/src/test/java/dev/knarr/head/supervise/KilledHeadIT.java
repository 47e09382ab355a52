// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.route.OurWorkerProcess;
import dev.knarr.plan.OutputPlace;
import dev.knarr.testkit.peers.StockWorker;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is left when nobody could clean up. */
class KilledHeadIT {
  private static final String CHILDREN = "children=";

  /** A head in a JVM of its own; prints the process ids of its children once it is ready. */
  static final class Main {
    public static void main(String[] args) {
      RunningHead head =
          new RunningHead(HeadConfig.read(Path.of(args[0])), Optional.of(Path.of(args[1])));
      head.awaitPhase(HeadPhase.READY);
      System.out.println(
          CHILDREN
              + ProcessHandle.current()
                  .children()
                  .map(child -> String.valueOf(child.pid()))
                  .collect(Collectors.joining(",")));
    }
  }

  @Nested
  class GivenAHeadThatServes {

    @TempDir Path folder;

    @Test
    void whenItIsKilled_thenItsChildrenAreGoneAndTheWorkerServesTheNext() throws IOException {
      try (StockWorker worker = StockWorker.start()) {
        HeadConfig config =
            RunningHead.splitting(
                RunningHead.config(List.of(worker.address())),
                new HeadConfig.Split(
                    HeadConfig.SplitMode.LAYER, List.of(), null, OutputPlace.HEAD));
        Path launcher = OurWorkerProcess.launcher(folder);
        Path file = Files.writeString(folder.resolve("head.json"), config.toJson());
        Process head =
            new ProcessBuilder(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--enable-native-access=ALL-UNNAMED",
                    "-cp",
                    System.getProperty("java.class.path"),
                    Main.class.getName(),
                    file.toString(),
                    launcher.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
          List<ProcessHandle> children = childrenOf(head);
          assertThat(children).as("llama-server, and the worker for the output").hasSize(2);

          head.destroyForcibly();

          await("both gone")
              .atMost(Duration.ofSeconds(15))
              .until(() -> children.stream().noneMatch(ProcessHandle::isAlive));
        } finally {
          head.destroyForcibly();
        }
        try (RunningHead next = new RunningHead(config, Optional.of(launcher))) {
          next.awaitPhase(HeadPhase.READY);
          assertThat(next.ask("What is Knarr?")).isEqualTo(RunningHead.ANSWER);
        }
      }
    }

    private static List<ProcessHandle> childrenOf(Process head) throws IOException {
      BufferedReader output =
          new BufferedReader(new InputStreamReader(head.getInputStream(), StandardCharsets.UTF_8));
      String line = output.readLine();
      while (line != null && !line.startsWith(CHILDREN)) {
        line = output.readLine();
      }
      assertThat(line).as("the head becomes ready").isNotNull();
      return Stream.of(String.valueOf(line).substring(CHILDREN.length()).split(","))
          .map(pid -> ProcessHandle.of(Long.parseLong(pid)).orElseThrow())
          .toList();
    }
  }
}
