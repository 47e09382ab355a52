// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Fnv1aTest {
  @Nested
  class GivenThePublishedValues {
    @ParameterizedTest
    @CsvSource({
      "'', cbf29ce484222325",
      "a, af63dc4c8601ec8c",
      "foobar, 85944171f73967e8",
      "ggml, 5549aa71e56635e2"
    })
    void whenATextIsHashed_thenTheValueIsThePublishedOne(String text, String expected) {
      assertThat(hex(Fnv1a.hash(text.getBytes(US_ASCII)))).isEqualTo(expected);
    }

    @Test
    void whenEveryByteIsHashed_thenNoneIsTakenAsNegative() {
      assertThat(hex(Fnv1a.hash(counting(256)))).isEqualTo("4242dc5249c33625");
      assertThat(hex(Fnv1a.hash(new byte[8]))).isEqualTo("a8c7f832281a39c5");
    }

    @Test
    void whenDataComesInChunks_thenTheHashIsThatOfTheWhole() {
      byte[] data = counting(10_485_761);
      long hash = Fnv1a.EMPTY;

      for (int at = 0; at < data.length; at += 1_000_003) {
        ByteBuffer chunk = ByteBuffer.wrap(data, at, Math.min(1_000_003, data.length - at));
        hash = Fnv1a.update(hash, chunk);
        assertThat(chunk.position()).isEqualTo(at);
      }

      assertThat(hex(hash)).isEqualTo("8011495153a1b7df").isEqualTo(hex(Fnv1a.hash(data)));
    }
  }

  private static byte[] counting(int length) {
    byte[] data = new byte[length];
    for (int i = 0; i < length; i++) {
      data[i] = (byte) i;
    }
    return data;
  }

  private static String hex(long hash) {
    return HexFormat.of().toHexDigits(hash);
  }
}
