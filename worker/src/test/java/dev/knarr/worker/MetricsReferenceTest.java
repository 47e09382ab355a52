// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The worker's table in the reference names the worker's meters, all of them and no others. */
class MetricsReferenceTest {
  private static final Path PAGE = Path.of("..", "docs", "reference", "metrics.md");
  private static final Pattern ROW = Pattern.compile("^\\| `([^`]+)` \\| `([^`]+)` \\|.*\\|$");

  private record Row(String name, String prometheus) {}

  @Nested
  class GivenTheTableOfTheWorker {
    @Test
    void whenComparedWithTheCode_thenEveryMeterHasOneRowAndEveryRowAMeter() throws IOException {
      List<String> inCode =
          Stream.of(WorkerMetrics.class, CacheMetrics.class)
              .flatMap(metrics -> Arrays.stream(metrics.getFields()))
              .filter(field -> Modifier.isStatic(field.getModifiers()))
              .filter(field -> field.getType() == String.class)
              .map(MetricsReferenceTest::value)
              .toList();

      List<String> inReference = rows().stream().map(Row::name).toList();

      assertThat(inCode).isNotEmpty();
      assertThat(inReference)
          .as("the names in the table Worker of docs/reference/metrics.md")
          .containsExactlyInAnyOrderElementsOf(inCode);
    }

    @Test
    void whenANameIsWrittenForPrometheus_thenItIsTheSameWithUnderscores() throws IOException {
      assertThat(rows())
          .allSatisfy(row -> assertThat(row.prometheus()).startsWith(row.name().replace('.', '_')));
    }
  }

  private static List<Row> rows() throws IOException {
    return Files.readAllLines(PAGE).stream()
        .dropWhile(line -> !line.equals("## Worker"))
        .skip(1)
        .takeWhile(line -> !line.startsWith("## "))
        .map(ROW::matcher)
        .filter(row -> row.matches())
        .map(row -> new Row(row.group(1), row.group(2)))
        .toList();
  }

  private static String value(Field constant) {
    try {
      return (String) constant.get(null);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }
}
