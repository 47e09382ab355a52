// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.testkit.peers.StockProgram;
import dev.knarr.testkit.peers.StockProgram.Output;
import dev.knarr.testkit.peers.StockWorker;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * llama.cpp's own tests of a backend say the same of this worker as of the stock one of the same
 * ggml. {@code scripts/conformance.sh} runs every operation, the slow ones too.
 */
class ConformanceIT {
  private static final int MOST_RUNS = 3;

  private static final Duration LIMIT = Duration.ofMinutes(6);

  /**
   * Verdicts in the order of the tests (some have the same name), of this worker and of the stock
   * one.
   */
  private record Comparison(
      Output output, List<String> ours, Output stockOutput, List<String> stock, double rejected) {
    static Comparison of(
        Function<Output, List<String>> verdicts,
        String closingLine,
        String program,
        String... arguments)
        throws Exception {
      try (var worker = RunningWorker.with("CPU");
          var stockWorker = StockWorker.start();
          var both = Executors.newFixedThreadPool(2)) {
        // A client and its worker mostly wait for each other, so two pairs fit on two cores.
        var ourRun = both.submit(() -> whole(worker.endpoint(), closingLine, program, arguments));
        var stockRun =
            both.submit(() -> whole(stockWorker.address(), closingLine, program, arguments));
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

    /**
     * These programs print through a thread of their own, and now and then end well before it has
     * printed the last lines, over a stock worker too: such a run says nothing and is repeated.
     */
    private static Output whole(
        String server, String closingLine, String program, String... arguments)
        throws IOException, InterruptedException {
      Output output;
      int runs = 0;
      do {
        output = StockProgram.overRpc(LIMIT, server, program, arguments);
        runs++;
      } while (output.exitCode() == 0 && !output.text().contains(closingLine) && runs < MOST_RUNS);
      return output;
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
      return ours.stream().filter(verdict -> verdict.matches(".*: OK(, OK)*")).count();
    }
  }

  @Nested
  class GivenAModelOfEveryArchitecture {
    /** Rows of the table: architecture, device, kind, and three verdicts with figures behind. */
    private static final Pattern ROW =
        Pattern.compile(
            "(?m)^\\| *(\\S+)\\|[^|]+\\| *(\\S+)\\| *(\\w+)[^|]*\\| *(\\w+)[^|]*\\| *(\\w+)[^|]*\\|$");

    /** Of the stock worker of llama.cpp 0.7.0: a table that is not understood has fewer. */
    private static final int ROWS = 164;

    private static final int ROWS_OK = 127;

    @Test
    void whenEachRunsOverThisWorker_thenTheVerdictsAreThoseOfTheStockWorker() throws Exception {
      var comparison =
          Comparison.of(
              output -> verdicts(output), "Summary: ", "test-llama-archs", "-b", "RPC0", "-s", "1");

      comparison.requireSameVerdicts();
      assertThat(comparison.ours)
          .hasSizeGreaterThanOrEqualTo(ROWS)
          .noneMatch(verdict -> verdict.contains("FAIL"));
      assertThat(comparison.countOk()).isGreaterThanOrEqualTo(ROWS_OK);
    }

    private static List<String> verdicts(Output output) {
      return ROW.matcher(output.text())
          .results()
          .map(
              row ->
                  "%s %s: %s, %s, %s"
                      .formatted(
                          row.group(1), row.group(2), row.group(3), row.group(4), row.group(5)))
          .toList();
    }
  }

  @Nested
  class GivenTheOperationsThatAreTestedInSeconds {
    private static final Pattern CASE = Pattern.compile("(?m)^  ([A-Z0-9_]+\\(.*\\)): (.*)$");

    private static final String WHOLE =
        "ACC,ADD_ID,ARGMAX,ARGSORT,CLAMP,COUNT_EQUAL,CROSS_ENTROPY_LOSS,CUMSUM,DUP,"
            + "GATED_LINEAR_ATTN,L2_NORM,NORM,PAD,POOL_2D,REPEAT,RMS_NORM,RWKV_WKV6,SCALE,SET,"
            + "SET_ROWS,SILU,SOFT_MAX,SOLVE_TRI,SSM_CONV,SSM_SCAN,SUM_ROWS,SWIGLU";

    /** Operations that take longer, with a part of their types. */
    private static final String IN_PART = "ADD,CONCAT,CONT,CPY,GET_ROWS,ROPE";

    private static final String ON_TWO_DEVICES = "ARGSORT,CLAMP,NORM,RMS_NORM,SCALE,SUM_ROWS";

    private static final int CASES_ON_TWO_DEVICES = 100;

    private static final String PART = "type(_src)?=(f16|q8_0),";

    @Test
    void whenAllTheirCasesRun_thenTheVerdictsAreThoseOfTheStockWorker() throws Exception {
      requireSameVerdicts(1250, "-o", WHOLE);
    }

    @Test
    void whenSomeCasesOfSlowerOnesRun_thenTheVerdictsAreThoseOfTheStockWorker() throws Exception {
      requireSameVerdicts(400, "-o", IN_PART, "-p", PART);
    }

    /** Vulkan on the processor, beside the processor itself: both have to be right. */
    @ParameterizedTest
    @ValueSource(strings = {"RPC0", "RPC1"})
    void whenSomeRunOnEachOfTwoKindsOfDevices_thenNoneFails(String device) throws Exception {
      try (var worker = RunningWorker.with("CPU", "Vulkan0")) {
        var output =
            Comparison.whole(
                worker.endpoint(),
                "backends passed",
                "test-backend-ops",
                "-b",
                device,
                "-o",
                ON_TWO_DEVICES);

        assertThat(output.exitCode()).as("exit code; it printed: %s", output.tail()).isZero();
        assertThat(verdicts(output))
            .hasSizeGreaterThanOrEqualTo(CASES_ON_TWO_DEVICES)
            .noneMatch(verdict -> verdict.contains("FAIL"));
        assertThat(worker.count(WorkerMetrics.REJECTED)).as("requests refused").isZero();
      }
    }

    private static void requireSameVerdicts(int casesAtLeast, String... arguments)
        throws Exception {
      var all = Stream.concat(Stream.of("-b", "RPC0"), Stream.of(arguments));
      var comparison =
          Comparison.of(
              output -> verdicts(output),
              "backends passed",
              "test-backend-ops",
              all.toArray(String[]::new));

      comparison.requireSameVerdicts();
      assertThat(comparison.ours).noneMatch(verdict -> verdict.contains("FAIL"));
      assertThat(comparison.countOk()).isGreaterThanOrEqualTo(casesAtLeast);
    }

    private static List<String> verdicts(Output output) {
      return CASE.matcher(output.text())
          .results()
          .map(result -> result.group(1) + ": " + result.group(2))
          .toList();
    }
  }
}
