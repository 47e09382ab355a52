// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TiedExecTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  /** How a JVM may have been started: as usual, and through the loader of the llama.cpp tree. */
  static Stream<String> jvms() {
    return Stream.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        System.getProperty("knarr.test.jvm"));
  }

  static Process start(String jvm, String... arguments) throws IOException {
    Stream<String> start =
        Stream.of(
            jvm,
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            Parent.class.getName());
    return new ProcessBuilder(Stream.concat(start, Stream.of(arguments)).toList())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  private static String program(long pid) {
    try {
      return Files.readString(Path.of("/proc/" + pid + "/cmdline")).replace('\0', ' ').strip();
    } catch (IOException _) {
      return "";
    }
  }

  private static List<String> status(long pid, String... keys) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + pid + "/status")).stream()
        .filter(line -> Stream.of(keys).anyMatch(line::startsWith))
        .toList();
  }

  @Nested
  class GivenAProgramTiedToAJvm {
    @ParameterizedTest
    @MethodSource("dev.knarr.os.TiedExecTest#jvms")
    void whenTheJvmIsKilled_thenTheProgramIsGone(String jvm) throws IOException {
      Process parent = start(jvm, "/bin/sleep", "600");
      try (BufferedReader output = parent.inputReader(StandardCharsets.UTF_8)) {
        long pid = Long.parseLong(output.readLine());
        ProcessHandle child = ProcessHandle.of(pid).orElseThrow();
        await().atMost(LIMIT).until(() -> program(pid), "/bin/sleep 600"::equals);
        assertThat(Path.of("/proc/" + pid + "/fd").toFile().list())
            .as("nothing of the JVM is open")
            .hasSize(3);
        assertThat(status(pid, "SigBlk:")).containsExactly("SigBlk:\t0000000000000000");

        parent.destroyForcibly();

        await().atMost(LIMIT).until(() -> !child.isAlive());
      } finally {
        parent.destroyForcibly();
      }
    }

    @Test
    void whenTheProgramEnds_thenItsCodeIsSeen() throws IOException, InterruptedException {
      Process parent = start(jvms().findFirst().orElseThrow(), "sh", "-c", "exit 42");

      assertThat(parent.waitFor(30, TimeUnit.SECONDS)).isTrue();
      assertThat(parent.exitValue()).isEqualTo(42);
    }

    @Test
    void whenThereIsNoSuchProgram_thenTheCodeSaysSo() throws IOException, InterruptedException {
      Process parent = start(jvms().findFirst().orElseThrow(), "/nowhere/at/all");

      assertThat(parent.waitFor(30, TimeUnit.SECONDS)).isTrue();
      assertThat(parent.exitValue()).isEqualTo(127);
    }
  }

  @Nested
  class GivenAParentThatHasEnded {
    @Test
    void whenTheProgramIsToStart_thenItDoesNot() throws IOException, InterruptedException {
      List<String> command =
          new ArrayList<>(TiedExec.command(Path.of("/bin/sleep"), List.of("600")));
      command.set(command.indexOf(Long.toString(ProcessHandle.current().pid())), "1");
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();

      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isEqualTo(125);
    }
  }
}
