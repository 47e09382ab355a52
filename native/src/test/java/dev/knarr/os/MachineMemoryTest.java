// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class MachineMemoryTest {
  private static final long GIB = 1L << 30;
  private static final String MEMINFO =
      "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n";
  private static final String STATISTICS =
      "anon 1\nfile 1073741824\nactive_file 268435456\ninactive_file 805306368\n";

  private static long available(String statistics, long totalGib, long freeGib) {
    return MachineMemory.of(MEMINFO, statistics, totalGib * GIB, freeGib * GIB).availableBytes();
  }

  @Nested
  class GivenAContainer {
    @Test
    void whenItHasALimit_thenWhatIsFreeInItCounts() {
      assertThat(available("", 4, 3)).isEqualTo(3 * GIB);
    }

    @Test
    void whenItHasReadFiles_thenTheirRoomCountsAsFree() {
      assertThat(available(STATISTICS, 4, 2)).isEqualTo(3 * GIB);
    }

    @Test
    void whenItHasNone_thenTheKernelsEstimateCounts() {
      assertThat(available(STATISTICS, 16, 3)).isEqualTo(8 * GIB);
    }
  }

  @Test
  void whenTheMachineIsMeasured_thenItHasMemoryAndReadsIt() {
    assertThat(MachineMemory.now().availableBytes()).isPositive();
    assertThat(MemoryBandwidth.measure()).isBetween(1e8, 1e13);
  }
}
