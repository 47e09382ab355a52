// SPDX-License-Identifier: Apache-2.0
package dev.knarr.chart;

import static org.junit.jupiter.api.Assertions.fail;

import dev.knarr.testkit.kube.KubePrograms;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs the programs that scripts/cluster/kube-tools.sh makes, to their end. Any thread. */
final class ClusterPrograms {
  private static final long LIMIT_SECONDS = 120;

  private ClusterPrograms() {}

  /** How a program ended and what it said. */
  record Result(int exit, String out, String err) {

    /** The output of a program that must succeed. */
    String succeeded() {
      return exit == 0 ? out : fail("Exit " + exit + ": " + err + out);
    }
  }

  /** Runs a program by its name with this input. */
  static Result run(
      String name, Map<String, String> environment, String input, List<String> arguments) {
    var command = new ArrayList<>(List.of(KubePrograms.program(name).toString()));
    command.addAll(arguments);
    return run(command, environment, input);
  }

  /** Runs a command with this input, at most two minutes. */
  static Result run(List<String> command, Map<String, String> environment, String input) {
    try {
      var files = Files.createTempDirectory("knarr-chart");
      var in = Files.writeString(files.resolve("in"), input);
      var out = files.resolve("out");
      var err = files.resolve("err");
      try {
        var builder =
            new ProcessBuilder(command)
                .redirectInput(in.toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        builder.environment().putAll(environment);
        var process = builder.start();
        if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
          process.destroyForcibly().waitFor();
          fail(command + " took more than " + LIMIT_SECONDS + " s: " + Files.readString(err));
        }
        return new Result(process.exitValue(), Files.readString(out), Files.readString(err));
      } finally {
        for (var file : List.of(in, out, err, files)) {
          Files.deleteIfExists(file);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while running " + command, e);
    }
  }
}
