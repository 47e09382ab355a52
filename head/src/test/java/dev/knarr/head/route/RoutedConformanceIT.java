// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.testkit.peers.StockProgram;
import dev.knarr.testkit.peers.StockProgram.Output;
import java.time.Duration;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** llama.cpp's own test of every architecture, through the router. */
@Timeout(400)
class RoutedConformanceIT {
  private static final Duration LIMIT = Duration.ofMinutes(6);
  private static final int MOST_RUNS = 3;

  /** Rows of the table: architecture, device, kind, and three verdicts with figures behind. */
  private static final Pattern ROW =
      Pattern.compile(
          "(?m)^\\| *(\\S+)\\|[^|]+\\| *(\\S+)\\| *(\\w+)[^|]*\\| *(\\w+)[^|]*\\| *(\\w+)[^|]*\\|$");

  /** Of the stock worker of llama.cpp 0.7.0: a table that is not understood has fewer. */
  private static final int ROWS = 164;

  private static final int ROWS_OK = 127;

  @Test
  void whenEveryArchitectureRuns_thenNoneFails() throws Exception {
    try (var router = RunningRouter.over(1, 0)) {
      var output = whole(router.router.address());

      assertThat(output.exitCode()).as("it printed: %s", output.tail()).isZero();
      assertThat(ROW.matcher(output.text()).results().count()).isGreaterThanOrEqualTo(ROWS);
      assertThat(output.text()).doesNotContain("FAIL");
      assertThat(ROW.matcher(output.text()).results().filter(row -> row.group(4).equals("OK")))
          .hasSizeGreaterThanOrEqualTo(ROWS_OK);
    }
  }

  /**
   * Now and then the program ends before it has printed its last lines: such a run says nothing.
   */
  private static Output whole(String server) throws Exception {
    Output output;
    int runs = 0;
    do {
      output = StockProgram.overRpc(LIMIT, server, "test-llama-archs", "-b", "RPC0", "-s", "1");
      runs++;
    } while (output.exitCode() == 0 && !output.text().contains("Summary: ") && runs < MOST_RUNS);
    return output;
  }
}
