// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.testkit.peers.StockWorker;
import dev.knarr.worker.StockProgram.Output;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/**
 * llama.cpp's own tests of a backend say the same of this worker as of the stock one of the same
 * ggml. {@code scripts/conformance.sh} runs every operation, the slow ones too.
 */
class ConformanceIT {
  private static final Duration LIMIT = Duration.ofMinutes(6);

  /** Verdicts by what was tested, of this worker and of the stock one. */
  private record Comparison(
      Output output,
      Map<String, String> ours,
      Output stockOutput,
      Map<String, String> stock,
      double rejected) {
    static Comparison of(
        Function<Output, Map<String, String>> verdicts, String program, String... arguments)
        throws Exception {
      try (var worker = RunningWorker.with("CPU");
          var stockWorker = StockWorker.start();
          var both = Executors.newFixedThreadPool(2)) {
        // A client and its worker mostly wait for each other, so two pairs fit on two cores.
        var ourRun =
            both.submit(() -> StockProgram.overRpc(LIMIT, worker.endpoint(), program, arguments));
        var stockRun =
            both.submit(
                () -> StockProgram.overRpc(LIMIT, stockWorker.address(), program, arguments));
        var ours = ourRun.get();
        var stock = stockRun.get();
        return new Comparison(
            ours,
            verdicts.apply(ours),
            stock,
            verdicts.apply(stock),
            worker.count(WorkerMetrics.REJECTED));
      }
    }

    void requireSameVerdicts() {
      // Equal to a measure that is broken itself would prove nothing.
      assertThat(stockOutput.exitCode())
          .as("exit code over the stock worker; it printed: %s", stockOutput.tail())
          .isZero();
      assertThat(output.exitCode()).as("exit code; it printed: %s", output.tail()).isZero();
      assertThat(rejected).as("requests refused").isZero();
      assertThat(ours).isEqualTo(stock);
    }

    long countOk() {
      return ours.values().stream().filter(verdict -> verdict.matches("OK(, OK)*")).count();
    }
  }

  @Nested
  class GivenAModelOfEveryArchitecture {
    /** Rows of the table: architecture, device, kind, and three verdicts with figures behind. */
    private static final Pattern ROW =
        Pattern.compile(
            "(?m)^\\| *(\\S+)\\|[^|]+\\| *(\\S+)\\| *(\\w+)[^|]*\\| *(\\w+)[^|]*\\| *(\\w+)[^|]*\\|$");

    /** Found with the stock worker of llama.cpp 0.7.0; the comparison is what decides. */
    private static final int ROWS_AT_LEAST = 127;

    @Test
    void whenEachRunsOverThisWorker_thenTheVerdictsAreThoseOfTheStockWorker() throws Exception {
      var comparison =
          Comparison.of(output -> verdicts(output), "test-llama-archs", "-b", "RPC0", "-s", "1");

      comparison.requireSameVerdicts();
      assertThat(comparison.ours).doesNotContainValue("FAIL");
      assertThat(comparison.countOk()).isGreaterThanOrEqualTo(ROWS_AT_LEAST);
    }

    private static Map<String, String> verdicts(Output output) {
      var verdicts = new TreeMap<String, String>();
      ROW.matcher(output.text())
          .results()
          .forEach(
              row ->
                  verdicts.put(
                      row.group(1) + " " + row.group(2),
                      "%s, %s, %s".formatted(row.group(3), row.group(4), row.group(5))));
      return verdicts;
    }
  }

  @Nested
  class GivenTheOperationsThatAreTestedInSeconds {
    private static final Pattern CASE = Pattern.compile("(?m)^  ([A-Z0-9_]+\\(.*\\)): (.*)$");

    private static final String OPERATIONS = "ADD";

    @Test
    void whenTheirCasesRunOverThisWorker_thenTheVerdictsAreThoseOfTheStockWorker()
        throws Exception {
      var comparison =
          Comparison.of(
              output -> verdicts(output), "test-backend-ops", "-b", "RPC0", "-o", OPERATIONS);

      comparison.requireSameVerdicts();
      assertThat(comparison.countOk()).isGreaterThan(100);
    }

    private static Map<String, String> verdicts(Output output) {
      var verdicts = new TreeMap<String, String>();
      CASE.matcher(output.text())
          .results()
          .forEach(result -> verdicts.put(result.group(1), result.group(2)));
      return verdicts;
    }
  }
}
