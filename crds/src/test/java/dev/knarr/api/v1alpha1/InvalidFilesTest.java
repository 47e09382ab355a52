// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every file of {@code invalid} is refused with exactly the problems of the {@code .expected} file
 * beside it. Run with {@code KNARR_TEST_RECORD=1} to write those files, and read them before they
 * are committed.
 */
class InvalidFilesTest {
  static final Path FOLDER = Path.of("src/test/resources/invalid");

  /** What only Kubernetes says: sources it cannot serve, and changes. CrdIT produces them. */
  static final Set<String> KUBERNETES_ONLY =
      Set.of(
          Sentences.KUBERNETES_PATH,
          Sentences.CACHE_KIND_FIXED,
          Sentences.CACHE_SIZE_FIXED,
          Sentences.CLAIM_FIXED);

  static List<Path> files() throws IOException {
    try (var files = Files.list(FOLDER)) {
      return files.filter(file -> file.toString().endsWith(".yaml")).sorted().toList();
    }
  }

  @ParameterizedTest
  @MethodSource("files")
  void whenAFileIsInvalid_thenAllProblemsAreSaid(Path file) throws IOException {
    var problems = problems(file);

    var expected = Path.of(file.toString().replace(".yaml", ".expected"));
    if ("1".equals(System.getenv("KNARR_TEST_RECORD"))) {
      Files.write(expected, problems.stream().map(InvalidFilesTest::text).toList());
    }
    assertThat(problems.stream().map(InvalidFilesTest::text).toList())
        .isEqualTo(Files.readAllLines(expected));
  }

  @Test
  void whenAllFilesAreRead_thenEverySentenceWasSaid() throws IOException {
    var said = new HashSet<>(KUBERNETES_ONLY);
    for (var file : files()) {
      problems(file).forEach(problem -> said.add(problem.message()));
    }

    assertThat(said).containsAll(sentences());
  }

  @Test
  void whenASentenceIsSaid_thenItIsOneSentenceAndARemedy() {
    assertThat(sentences()).allSatisfy(sentence -> assertThat(sentence).matches(".+\\. .+\\."));
  }

  static List<String> sentences() {
    return Stream.of(Sentences.class.getDeclaredFields())
        .filter(field -> Modifier.isPublic(field.getModifiers()))
        .map(InvalidFilesTest::value)
        .toList();
  }

  private static String value(Field field) {
    try {
      return String.valueOf(field.get(null));
    } catch (IllegalAccessException e) {
      throw new AssertionError(e);
    }
  }

  static List<Problem> problems(Path file) {
    var thrown =
        catchThrowableOfType(
            InferenceClusterFileException.class, () -> InferenceClusterFile.readLocal(file));
    assertThat(thrown).as("%s is refused", file).isNotNull();
    return thrown.problems();
  }

  private static String text(Problem problem) {
    return "%d: %s: %s".formatted(problem.line(), problem.field(), problem.message());
  }
}
