// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.head.api.FetchReason;
import dev.knarr.head.api.HeadReason;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ReasonsTest {
  @Nested
  class GivenTheReasonsOfConditions {
    @ParameterizedTest
    @EnumSource(HeadReason.class)
    void whenAHeadNamesOne_thenItIsAmongThem(HeadReason reason) {
      assertThat(ConditionReason.of(reason.text())).isPresent();
    }

    @ParameterizedTest
    @EnumSource(FetchReason.class)
    void whenAFetchNamesOne_thenItIsAmongThem(FetchReason reason) {
      assertThat(ConditionReason.of(reason.text())).isPresent();
    }
  }
}
