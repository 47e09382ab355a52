// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.knarr.plan.LinkSpeed;
import dev.knarr.plan.WireStop;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AssumedLinksTest {
  private static final List<WireStop> STOPS =
      List.of(
          new WireStop("head", true),
          new WireStop("a", true),
          new WireStop("a", true),
          new WireStop("b", true));

  @ParameterizedTest
  @CsvSource({"100Mbit,12500000", "1Gbit,125000000", "2.5 Gbit/s,312500000", "10Gbps,1250000000"})
  void whenARateIsGiven_thenItIsInBits(String rate, double bytesPerSecond) {
    assertThat(AssumedLinks.of(rate, 2.0).workers(STOPS).getFirst().link())
        .isEqualTo(new LinkSpeed(2000, bytesPerSecond, bytesPerSecond));
  }

  @ParameterizedTest
  @ValueSource(strings = {"fast", "1", "1GB", "0Mbit", "-1Gbit"})
  void whenItIsNone_thenItIsRefused(String rate) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AssumedLinks.of(rate, null))
        .withMessageContaining("'" + rate + "' is no rate");
  }

  @ParameterizedTest
  @ValueSource(doubles = {-1, Double.NaN, 1e9})
  void whenARoundTripIsImpossible_thenItIsRefused(double millis) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AssumedLinks.of(null, millis))
        .withMessageContaining("Give 0 to 60000 milliseconds");
  }

  @Test
  void whenNothingIsGiven_thenTheNetworkIsAnOrdinaryOne() {
    assertThat(AssumedLinks.of(null, null))
        .hasToString("assumed to carry 125.0 MB/s with a round trip of 0.3 ms");
    assertThat(AssumedLinks.of(null, null).onThisMachine())
        .hasToString("assumed to carry 2.0 GB/s with a round trip of 0.05 ms");
  }

  @Test
  void whenThereAreSeveralWorkers_thenEachReachesTheOthers() {
    var workers = AssumedLinks.of(null, null).workers(STOPS);

    assertThat(workers).extracting(worker -> worker.name()).containsExactly("a", "b");
    assertThat(workers.getFirst().neighbours()).containsOnlyKeys("b");
  }
}
