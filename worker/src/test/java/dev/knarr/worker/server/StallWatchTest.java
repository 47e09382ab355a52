// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.wire.TransferProgress.Mark;
import java.time.Duration;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class StallWatchTest {
  private static final long MEBIBYTE = 1 << 20;

  private final StallWatch watch = new StallWatch(Duration.ofSeconds(60));

  private boolean stalled(long second, long messages, long bytes, boolean waiting) {
    return watch.hasStalled(
        new Mark(messages, bytes, waiting), Duration.ofSeconds(second).toNanos());
  }

  @Nested
  class GivenAMessageThatHasBegun {
    @Test
    void whenNoByteMovesForTheTime_thenItHasStalled() {
      assertThat(stalled(0, 1, 100, true)).isFalse();
      assertThat(stalled(59, 1, 100, true)).isFalse();
      assertThat(stalled(60, 1, 100, true)).isTrue();
    }

    @Test
    void whenBytesTrickle_thenItHasStalled() {
      assertThat(stalled(0, 1, 0, true)).isFalse();
      assertThat(stalled(30, 1, 300, true)).isFalse();
      assertThat(stalled(60, 1, 600, true)).isTrue();
    }

    @Test
    void whenItIsLargeAndMoves_thenItHasNot() {
      for (int second = 0; second < 600; second += 50) {
        assertThat(stalled(second, 1, second * MEBIBYTE / 50, true)).isFalse();
      }
    }

    @Test
    void whenTheWorkerIsNotReadyForMore_thenThePeerHasNot() {
      assertThat(stalled(0, 1, 100, true)).isFalse();
      assertThat(stalled(40, 1, 100, false)).isFalse();
      assertThat(stalled(80, 1, 100, true)).isFalse();
      assertThat(stalled(99, 1, 100, true)).isFalse();
      assertThat(stalled(100, 1, 100, true)).isTrue();
    }

    @Test
    void whenAnotherFollows_thenTheTimeBeginsAnew() {
      assertThat(stalled(0, 1, 100, true)).isFalse();
      assertThat(stalled(50, 2, 150, true)).isFalse();
      assertThat(stalled(100, 2, 150, true)).isFalse();
      assertThat(stalled(110, 2, 150, true)).isTrue();
    }
  }

  @Nested
  class GivenNoMessage {
    @Test
    void whenTheClientIsSilent_thenItMayStay() {
      assertThat(stalled(0, 1, 100, false)).isFalse();
      assertThat(stalled(1_000_000, 1, 100, false)).isFalse();
    }
  }
}
