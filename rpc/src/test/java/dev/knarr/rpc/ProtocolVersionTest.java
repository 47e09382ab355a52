// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProtocolVersionTest {
  @Nested
  class GivenAClientOf8_0 {
    @ParameterizedTest
    @CsvSource({
      "8, 0, 0, true",
      "8, 0, 5, true",
      "8, 1, 0, false",
      "7, 0, 0, false",
      "9, 0, 0, false"
    })
    void whenTheServerTellsItsVersion_thenTheRuleOfStockClientsDecides(
        int major, int minor, int patch, boolean accepted) {
      assertThat(ProtocolVersion.V8_0.accepts(new ProtocolVersion(major, minor, patch)))
          .isEqualTo(accepted);
    }
  }

  @Nested
  class GivenTheTableOfVersions {
    @Test
    void whenItIsRead_thenItAscendsAndEndsWithTheOneSpoken() {
      assertThat(ProtocolEdition.KNOWN)
          .extracting(ProtocolEdition::version)
          .isSorted()
          .endsWith(ProtocolVersion.V8_0);
      assertThat(ProtocolEdition.KNOWN).filteredOn(ProtocolEdition::spoken).hasSize(1);
      assertThat(ProtocolEdition.V8_0.commands()).hasSize(23);
    }

    @Test
    void whenAVersionIsUnknown_thenTheMessageSaysSo() {
      assertThat(
              ProtocolEdition.mismatch(
                  "Server x", new ProtocolVersion(100, 2, 3), ProtocolVersion.V8_0))
          .contains("100.2.3 (not a version of llama.cpp that is known here)", "8.0.0");
    }
  }

  @Nested
  class GivenAPartThatIsNoByte {
    @Test
    void whenAVersionIsMade_thenItIsRefused() {
      assertThatIllegalArgumentException().isThrownBy(() -> new ProtocolVersion(8, 256, 0));
      assertThatIllegalArgumentException().isThrownBy(() -> new ProtocolVersion(-1, 0, 0));
    }
  }
}
