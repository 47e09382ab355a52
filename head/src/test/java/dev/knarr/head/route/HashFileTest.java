// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Hashes that are kept between starts are right or not there. */
class HashFileTest {
  private static final Map<Long, Long> HASHES = Map.of(64L, -1L, 4096L, 12L);
  private static final Path MODEL = Path.of("model.gguf");

  @TempDir private Path folder;

  @Test
  void whenTheyAreWritten_thenTheyAreReadForTheSameStateOnly() throws IOException {
    new HashFile(folder, MODEL, "as it is").write(HASHES);

    assertThat(new HashFile(folder, MODEL, "as it is").read()).isEqualTo(HASHES);
    assertThat(new HashFile(folder, MODEL, "changed").read()).isEmpty();
    assertThat(new HashFile(folder, Path.of("other.gguf"), "as it is").read()).isEmpty();
  }

  @Test
  void whenTheFileIsDamaged_thenThereAreNone() throws IOException {
    new HashFile(folder, MODEL, "").write(HASHES);
    Path file;
    try (var files = Files.list(folder)) {
      file = files.findFirst().orElseThrow();
    }
    byte[] bytes = Files.readAllBytes(file);

    for (int i = 0; i < bytes.length; i++) {
      byte[] damaged = bytes.clone();
      damaged[i] ^= 16;
      Files.write(file, damaged);
      assertThat(new HashFile(folder, MODEL, "").read()).as("byte %d", i).isEmpty();
    }
    Files.write(file, new byte[3]);
    assertThat(new HashFile(folder, MODEL, "").read()).isEmpty();
  }
}
