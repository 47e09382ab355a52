// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class InferenceClusterFileTest {
  private static final Path VALID = Path.of("src/test/resources/valid");
  private static final Path EXAMPLES = Path.of("../docs/examples");

  @TempDir Path folder = Path.of("");

  /** Other files there are what a cluster needs beside itself. */
  static Stream<Path> examples() throws IOException {
    try (var files = Files.list(EXAMPLES)) {
      var clusters = new ArrayList<Path>();
      for (var file : files.filter(file -> file.toString().endsWith(".yaml")).toList()) {
        if (Files.readString(file).contains("kind: InferenceCluster")) {
          clusters.add(file);
        }
      }
      return clusters.stream();
    }
  }

  @ParameterizedTest
  @MethodSource("examples")
  void whenAnExampleIsRead_thenItIsValid(Path example) {
    assertThat(InferenceClusterFile.read(example).resolved().workers()).isNotEmpty();
  }

  @Nested
  class GivenTheQuickstart {
    private final InferenceClusterFile file =
        InferenceClusterFile.readLocal(EXAMPLES.resolve("quickstart.yaml"));

    @Test
    void whenResolved_thenDefaultsAreApplied() {
      var spec = file.resolved();

      assertThat(spec.name()).isEqualTo("quickstart");
      assertThat(spec.replicas()).isOne();
      assertThat(spec.workerNames()).containsExactly("cpu-0", "cpu-1");
      assertThat(spec.model().keyType().value()).isEqualTo("f16");
      assertThat(spec.model().parallelSequences()).isOne();
      assertThat(spec.model().contextLength()).isZero();
      assertThat(spec.head().port()).isEqualTo(8080);
      assertThat(spec.head().drainSeconds()).isEqualTo(60);
      assertThat(spec.network().tls()).isEqualTo(TlsMode.MANAGED);
      assertThat(spec.workers().getFirst().cacheBytes()).isEqualTo(20L << 30);
      assertThat(spec.workers().getFirst().memoryLimitBytes()).isEmpty();
    }

    @Test
    void whenThePathIsResolved_thenItIsBesideTheFileAndThere() {
      assertThat(file.resolved().model().source())
          .isEqualTo(new ResolvedSpec.Source.LocalPath("models/knarr-demo-q4_0.gguf"));
      assertThat(file.resolve("models/knarr-demo-q4_0.gguf")).isAbsolute().exists();
    }
  }

  @Nested
  class GivenEveryField {
    @Test
    void whenRead_thenNothingIsLost() {
      var spec = InferenceClusterFile.read(VALID.resolve("everything.yaml")).resolved();

      assertThat(spec.name()).isEqualTo("glm");
      assertThat(spec.replicas()).isZero();
      assertThat(spec.model().source())
          .isInstanceOfSatisfying(
              ResolvedSpec.Source.HuggingFace.class,
              source -> {
                assertThat(source.revision()).isEqualTo("main");
                assertThat(source.tokenSecret()).isPresent();
              });
      assertThat(spec.model().valueType()).isEqualTo(KvCacheType.Q8_0);
      assertThat(spec.workers().getFirst().devices())
          .hasValue(new ResolvedSpec.Devices("nvidia.com/gpu", 2));
      assertThat(spec.workers().getFirst().memoryLimitBytes()).hasValue(16L << 30);
      assertThat(spec.workers().getFirst().spec().getTolerations()).hasSize(1);
      assertThat(spec.split().devices())
          .containsExactly(
              new ResolvedSpec.Split.Device("head/0", OptionalInt.of(16)),
              new ResolvedSpec.Split.Device("a100-0/0", OptionalInt.of(15)));
      assertThat(spec.head().args()).containsExactly("--jinja");
      assertThat(spec.updates()).isEqualTo(UpdatePolicy.AUTOMATIC);
    }

    @Test
    void whenTheSameIsJson_thenItIsTheSame() throws IOException {
      var yaml = InferenceClusterFile.read(VALID.resolve("everything.yaml"));
      var json =
          Files.writeString(
              folder.resolve("cluster.json"),
              new com.fasterxml.jackson.databind.ObjectMapper().writeValueAsString(yaml.cluster()));

      assertThat(InferenceClusterFile.read(json).resolved().workerNames())
          .isEqualTo(yaml.resolved().workerNames());
    }
  }

  @Test
  void whenTheFileIsAbsent_thenItSaysSo() {
    assertThatExceptionOfType(InferenceClusterFileException.class)
        .isThrownBy(() -> InferenceClusterFile.read(folder.resolve("none.yaml")))
        .withMessageEndingWith("none.yaml:1: There is no such file. Check the path.");
  }

  @Test
  void whenTheFileIsBinary_thenItSaysSo() throws IOException {
    var file =
        Files.write(folder.resolve("m.gguf"), new byte[] {'G', 'G', (byte) 0xff, (byte) 0xfe});

    assertThatExceptionOfType(InferenceClusterFileException.class)
        .isThrownBy(() -> InferenceClusterFile.read(file))
        .withMessageContaining("not text in UTF-8");
  }

  @Test
  void whenASourceIsOfKubernetes_thenItIsValidThereAndAPathIsNot() {
    var local = InferenceClusterFile.read(EXAMPLES.resolve("quickstart.yaml")).cluster();
    var claim =
        InferenceClusterFile.read(Path.of("src/test/resources/invalid/local-sources.yaml"))
            .cluster();

    assertThat(SpecRules.checkKubernetes(claim)).isEmpty();
    assertThat(SpecRules.checkKubernetes(local))
        .containsExactly(new Violation("spec.model.source.path", Sentences.KUBERNETES_PATH));
  }
}
