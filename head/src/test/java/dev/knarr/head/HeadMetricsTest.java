// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class HeadMetricsTest {

  private static final Pattern ROW =
      Pattern.compile("(?m)^\\| `((?:knarr\\.head|gen_ai)\\.[a-z_.]+)` \\|");

  @Nested
  class GivenTheReference {

    @Test
    void whenItIsComparedWithTheCode_thenBothNameTheSameMeters() throws IOException {
      Path reference = Path.of("..", "docs", "reference", "metrics.md");

      List<String> names =
          ROW.matcher(Files.readString(reference))
              .results()
              .map((MatchResult row) -> row.group(1))
              .toList();

      assertThat(names).containsExactlyElementsOf(HeadMetrics.NAMES);
    }
  }
}
