// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ProcessAgeTest {
  private static final Duration TICK = Duration.ofMillis(10);

  @Test
  void whenTheAgeIsAsked_thenItIsThatOfTheJvmAndALittleMore() {
    var atLeast = Duration.ofMillis(ManagementFactory.getRuntimeMXBean().getUptime());

    var age = ProcessAge.now();

    assertThat(age).isPresent();
    assertThat(age.get()).isGreaterThan(atLeast.minus(TICK)).isLessThan(atLeast.plusSeconds(60));
  }
}
