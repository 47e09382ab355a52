// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgmlLoadFailureTest {
  /** A process of its own that loads ggml from a directory and prints why it could not. */
  static final class Loading {
    public static void main(String[] args) {
      try {
        Ggml.load(GgmlLocation.find(Path.of(args[0]), Path.of(args[0])).orElseThrow());
        System.out.println("loaded");
      } catch (GgmlException e) {
        System.out.println(e.fault() + " " + e.getMessage());
      }
    }
  }

  private static String load(Path directory, Path output) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                System.getProperty("knarr.test.jvm"),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Loading.class.getName(),
                directory.toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return Files.readString(output);
  }

  @Nested
  class GivenADirectoryWithLibraries {
    @TempDir Path directory;

    private void link(String name, Path target) throws IOException {
      Files.createSymbolicLink(directory.resolve(name), target);
    }

    @Test
    void whenOneIsNoLibrary_thenItIsNamedWithWhatToDo() throws IOException, InterruptedException {
      Files.writeString(directory.resolve("libggml-base.so"), "not a library");
      Files.writeString(directory.resolve("libggml.so"), "not a library");
      Files.writeString(directory.resolve("libggml-cpu.so"), "not a library");

      assertThat(load(directory, directory.resolve("output")))
          .contains(
              "LIBRARY_NOT_LOADED",
              directory.resolve("libggml-base.so").toString(),
              "bin/with-ggml",
              "--enable-native-access");
    }

    @Test
    void whenItLacksAFunction_thenTheFunctionIsNamed() throws IOException, InterruptedException {
      Path another = TreeGgml.tree().resolve("lib/libm.so.6").toRealPath();
      link("libggml-base.so", another);
      link("libggml.so", another);
      Files.writeString(directory.resolve("libggml-cpu.so"), "");

      assertThat(load(directory, directory.resolve("output")))
          .contains("LIBRARY_NOT_LOADED", "ggml_", "use ggml 0.25.1 to 0.27.0");
    }

    @Test
    void whenNoBackendLoads_thenItSaysWhereItLooked() throws IOException, InterruptedException {
      link("libggml-base.so.0", TreeGgml.location().base().toRealPath());
      link("libggml.so.0", TreeGgml.location().registry().toRealPath());
      Files.writeString(directory.resolve("libggml-cpu.so"), "");

      assertThat(load(directory, directory.resolve("output")))
          .contains("NO_DEVICE", "are its backends in " + directory);
    }
  }
}
