// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.ggml.GgmlFunctions.Base;
import dev.knarr.ggml.GgmlFunctions.InitParams;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgmlAbortTest {
  /** A process of its own that asks ggml for a tensor of a type it does not have. */
  static final class Aborting {
    public static void main(String[] args) {
      TreeGgml.load();
      long context = Base.ggml_init(InitParams.withoutData(4096));
      Base.ggml_new_tensor_4d(context, 12345, 1, 1, 1, 1);
    }
  }

  @Nested
  class GivenAnAssertionOfGgmlFails {
    @Test
    void whenItEndsTheProcess_thenTheReasonIsLoggedAndTheCodeIsOurs(@TempDir Path directory)
        throws IOException, InterruptedException {
      Path output = directory.resolve("output");
      Process process =
          new ProcessBuilder(
                  System.getProperty("knarr.test.jvm"),
                  "--enable-native-access=ALL-UNNAMED",
                  "-cp",
                  System.getProperty("java.class.path"),
                  Aborting.class.getName())
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();

      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();

      assertThat(Files.readString(output))
          .contains("ggml gave up, and this process ends with code 70", "GGML_ASSERT");
      assertThat(process.exitValue()).isEqualTo(Ggml.ABORT_EXIT_CODE);
    }
  }
}
