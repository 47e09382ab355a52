// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
  @ParameterizedTest
  @CsvSource({
    "16Gi, 17179869184",
    "512Mi, 536870912",
    "10G, 10000000000",
    "4096, 4096",
    "1.5Gi, 1610612736",
    "16GiB, 17179869184",
    "1k, 1000",
    "2Ti, 2199023255552",
    "8 Gi, 8589934592",
    "0, 0",
    "100B, 100",
    "0.1Ki, 103"
  })
  void whenASizeIsWritten_thenItIsRead(String text, long bytes) {
    assertThat(ByteSize.parse(text)).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Gi", "-1Gi", "16Gb", "16 giga", "1e9", "1,5Gi", "0x10", "16GiBB"})
  void whenItIsNoSize_thenTheRemedyIsSaid(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ByteSize.parse(text))
        .withMessageContaining("'" + text + "' is not a size")
        .withMessageContaining("16Gi");
  }

  @Test
  void whenItIsTooLarge_thenItIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ByteSize.parse("9999999Pi"))
        .withMessageContaining("more than any device has");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "1023, 1023 B",
    "1024, 1.0 KiB",
    "3355443, 3.2 MiB",
    "17179869184, 16.0 GiB",
    "1073741823, 1.0 GiB",
    "-1048576, -1.0 MiB",
    "9223372036854775807, 8.0 EiB"
  })
  void whenBytesArePrinted_thenTheUnitFits(long bytes, String text) {
    assertThat(ByteSize.format(bytes)).isEqualTo(text);
  }
}
