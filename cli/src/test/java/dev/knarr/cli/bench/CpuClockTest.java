// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CpuClockTest {
  @Test
  void whenAProgramIsOddlyNamed_thenItsTimesAreFound() {
    assertThat(
            CpuClock.ticks(
                "17 (a) (b c) S 1 17 17 0 -1 4194304 105 0 0 0 123 45 6 7 20 0 1 0 8 9 10"))
        .isEqualTo(168);
  }

  @Test
  void whenAProcessRuns_thenItsTimeIsKnown() {
    assertThat(CpuClock.ofProcess(ProcessHandle.current().pid()).seconds().orElseThrow())
        .isPositive();
  }

  @Test
  void whenThereIsNoSuchProcess_thenItsTimeIsNot() {
    assertThat(CpuClock.ofProcess(Integer.MAX_VALUE).seconds()).isEmpty();
  }

  @Test
  void whenAWorkersMetricsAreRead_thenNanosecondsBecomeSeconds() {
    var page =
        """
        # TYPE process_cpu_time_ns counter
        process_cpu_time_ns_total 2.17E9
        """;

    assertThat(CpuClock.inMetrics(page)).hasValue(2.17);
    assertThat(CpuClock.inMetrics("process_cpu_usage 0.5\n")).isEmpty();
  }
}
