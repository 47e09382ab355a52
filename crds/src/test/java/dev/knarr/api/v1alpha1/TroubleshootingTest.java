// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The troubleshooting guide has an entry for every reason, and no other. */
class TroubleshootingTest {
  private static final Path GUIDE = Path.of("../docs/kubernetes/troubleshooting.md");
  private static final Pattern ENTRY = Pattern.compile("(?m)^### (\\S+)\\n(.+)$");

  @Test
  void whenTheGuideIsCompared_thenItExplainsEveryReason() throws IOException {
    var entries = ENTRY.matcher(Files.readString(GUIDE)).results().toList();

    assertThat(entries)
        .extracting(entry -> entry.group(1))
        .containsExactlyElementsOf(
            Arrays.stream(ConditionReason.values()).map(ConditionReason::value).toList());
    assertThat(entries).allMatch(entry -> entry.group(2).length() > 20);
  }
}
