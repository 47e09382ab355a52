// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class ParentPipeTest {
  /**
   * A child that never ends by itself, with a handler that never returns where an argument asks for
   * it; in a session of its own and without core files.
   */
  static final class Child {
    public static void main(String[] args) throws InterruptedException {
      ProcessTies.startSession();
      ProcessTies.startSession();
      ProcessTies.noCoreDumps();
      var never = new CountDownLatch(1);
      ParentPipe.follow(
          () -> {
            if (args.length == 0) {
              System.exit(3);
            }
          },
          Duration.ofSeconds(1));
      System.out.println("ready");
      never.await();
    }
  }

  private static Process start(String... arguments) throws IOException {
    var command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Child.class.getName()));
    command.addAll(List.of(arguments));
    var builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().put(ParentPipe.ENVIRONMENT, "1");
    return builder.start();
  }

  @Nested
  class GivenAChildWithAPipe {
    @Test
    void whenThePipeCloses_thenItEndsInItsOwnWay() throws IOException, InterruptedException {
      Process child = start();
      assertThat(child.inputReader().readLine()).isEqualTo("ready");
      assertThat(Files.readString(Path.of("/proc/" + child.pid() + "/limits")))
          .containsPattern("Max core file size +0 +0");

      child.getOutputStream().close();

      assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
      assertThat(child.exitValue()).isEqualTo(3);
    }

    @Test
    void whenItDoesNotEnd_thenItIsHaltedAfterTheGrace() throws IOException, InterruptedException {
      Process child = start("stay");
      assertThat(child.inputReader().readLine()).isEqualTo("ready");

      child.getOutputStream().close();

      assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
      assertThat(child.exitValue()).isOne();
    }
  }

  @Nested
  class GivenAnEnvironmentThatDoesNotAsk {
    @Test
    void whenFollowed_thenNothingIsRead() throws IOException {
      var called = new CountDownLatch(1);
      try (var output = new PipedOutputStream();
          InputStream input = new PipedInputStream(output)) {
        assertThat(ParentPipe.follow(Map.of(), input, called::countDown, Duration.ofDays(1)))
            .isFalse();
        assertThat(called.getCount()).isOne();
      }
    }
  }
}
