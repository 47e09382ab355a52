// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgmlLocationTest {
  @TempDir Path root;

  private Path configured() {
    return root.resolve("configured");
  }

  private Path system() {
    return root.resolve("system");
  }

  private Path tree() {
    return root.resolve("tree");
  }

  private static void files(Path directory, String... names) throws IOException {
    Files.createDirectories(directory);
    for (String name : names) {
      Files.createFile(directory.resolve(name));
    }
  }

  private void treeIsThere() throws IOException {
    files(tree().resolve("lib"), "libggml-base.so.0", "libggml.so.0");
    files(tree().resolve("backends"), "libggml-cpu-zen4.so");
  }

  @Nested
  class GivenNothing {
    @Test
    void whenLooked_thenNothingIsFound() {
      assertThat(GgmlLocation.find(null, List.of(system()), tree())).isEmpty();
    }

    @Test
    void whenADirectoryIsConfigured_thenItIsNamedWithWhatItLacks() {
      assertThatThrownBy(() -> GgmlLocation.find(configured(), List.of(system()), tree()))
          .isInstanceOfSatisfying(
              GgmlException.class,
              e -> assertThat(e.fault()).isEqualTo(GgmlFault.LIBRARY_NOT_FOUND))
          .hasMessageContainingAll(configured().toString(), "--ggml-dir", "libggml-base.so");
    }
  }

  @Nested
  class GivenTheTree {
    @Test
    void whenLooked_thenItIsFound() throws IOException {
      treeIsThere();

      assertThat(GgmlLocation.find(null, List.of(system()), tree()))
          .contains(new GgmlLocation(tree().resolve("lib"), tree().resolve("backends")));
    }

    @Test
    void whenItIsConfigured_thenItsLibIsFound() throws IOException {
      treeIsThere();
      var location = new GgmlLocation(tree().resolve("lib"), tree().resolve("backends"));

      assertThat(GgmlLocation.find(tree(), List.of(), root)).contains(location);
      assertThat(GgmlLocation.find(tree().resolve("lib"), List.of(), root)).contains(location);
      assertThat(location.inTree(tree())).isTrue();
      assertThat(location.inTree(system())).isFalse();
      assertThat(location.base()).hasFileName("libggml-base.so.0");
      assertThat(location.registry()).hasFileName("libggml.so.0");
    }
  }

  @Nested
  class GivenTheSystemToo {
    @Test
    void whenLooked_thenTheSystemsIsTaken() throws IOException {
      treeIsThere();
      files(system(), "libggml-base.so.0", "libggml.so.0");
      files(system().resolve("ggml/backends0"), "libggml-cpu-zen4.so");

      assertThat(GgmlLocation.find(null, List.of(system()), tree()))
          .contains(new GgmlLocation(system(), system().resolve("ggml/backends0")));
    }

    @Test
    void whenItHasNoBackends_thenTheTreeIsTaken() throws IOException {
      treeIsThere();
      files(system(), "libggml-base.so.0", "libggml.so.0");

      assertThat(GgmlLocation.find(null, List.of(system()), tree()))
          .map(GgmlLocation::libraries)
          .contains(tree().resolve("lib"));
    }

    @Test
    void whenAnotherIsConfigured_thenThatOneIsTaken() throws IOException {
      treeIsThere();
      files(system(), "libggml-base.so", "libggml.so", "libggml-cpu.so");
      files(configured(), "libggml-base.so", "libggml.so", "libggml-cpu-haswell.so");

      assertThat(GgmlLocation.find(configured(), List.of(system()), tree()))
          .contains(new GgmlLocation(configured(), configured()));
    }
  }
}
