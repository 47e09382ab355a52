// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class SeriesTest {
  @Test
  void whenQuartilesFallOnValues_thenTheyAreThose() {
    var series = Series.of(List.of(9.0, 1.0, 5.0, 3.0, 7.0));

    assertThat(series.q1()).isEqualTo(3);
    assertThat(series.median()).isEqualTo(5);
    assertThat(series.q3()).isEqualTo(7);
    assertThat(series.values()).containsExactly(9.0, 1.0, 5.0, 3.0, 7.0);
  }

  @Test
  void whenQuartilesFallBetweenValues_thenTheyLieOnTheLine() {
    var series = Series.of(List.of(1.0, 2.0, 4.0, 8.0));

    assertThat(series.q1()).isEqualTo(1.75);
    assertThat(series.median()).isEqualTo(3);
    assertThat(series.q3()).isEqualTo(5);
  }

  @Test
  void whenThereIsOneValue_thenAllAreThatValue() {
    assertThat(Series.of(List.of(2.5))).isEqualTo(new Series(2.5, 2.5, 2.5, List.of(2.5)));
  }
}
