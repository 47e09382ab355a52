// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The free bytes of HELLO, worked out by hand from docs/router-protocol.md. */
class RouteTermsTest {
  private static final String KNARR = "00000000 4b6e7272 ";

  private static Capabilities capabilities(String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
    return Capabilities.decode(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
  }

  static Stream<Arguments> golden() {
    return Stream.of(
        Arguments.of(
            RouteTerms.router(RouteFeature.all()), KNARR + "01 01 0000 3f000000 0000000000000000"),
        Arguments.of(
            RouteTerms.router(EnumSet.of(RouteFeature.GRAPHS, RouteFeature.READ_AHEAD)),
            KNARR + "01 01 0000 0a000000 0000000000000000"),
        Arguments.of(
            RouteTerms.peer(258, 0x0123456789abcdefL),
            KNARR + "02 01 0201 00000000 efcdab8967452301"),
        Arguments.of(RouteTerms.peer(65_535, -1), KNARR + "02 01 ffff 00000000 ffffffffffffffff"),
        Arguments.of(
            RouteTerms.end(Long.MIN_VALUE), KNARR + "03 01 0000 00000000 0000000000000080"));
  }

  @ParameterizedTest
  @MethodSource("golden")
  void whenSaidAndHeard_thenTheBytesAreThoseOfTheDocument(RouteTerms terms, String hex) {
    assertThat(terms.capabilities()).isEqualTo(capabilities(hex));
    assertThat(RouteTerms.of(capabilities(hex))).contains(terms);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "00000000 00000000 00 00 0000 00000000 0000000000000000", // everybody's
        "00000000 4b6e7273 01 01 0000 0f000000 0000000000000000", // other letters
        "00000000 4b6e7272 01 02 0000 0f000000 0000000000000000", // a version to come
        "00000000 4b6e7272 01 00 0000 0f000000 0000000000000000",
        "00000000 4b6e7272 00 01 0000 0f000000 0000000000000000", // roles that do not exist
        "00000000 4b6e7272 04 01 0000 0f000000 0000000000000000",
        "00000000 4b6e7272 ff 01 0000 0f000000 0000000000000000",
        "01000000 4b6e7272 01 01 0000 0f000000 0000000000000000", // RDMA, of which these are a part
        "ffffffff ffffffff ff ff ffff ffffffff ffffffffffffffff"
      })
  void whenTheyAreNotOurs_thenThereAreNoTerms(String hex) {
    assertThat(RouteTerms.of(capabilities(hex))).isEmpty();
  }

  @Test
  void whenFeaturesAreUnknown_thenTheOthersCount() {
    assertThat(
            RouteTerms.of(capabilities(KNARR + "01 01 0000 c1ffffff 0000000000000000"))
                .map(RouteTerms::features))
        .contains(Set.of(RouteFeature.INPUTS));
  }
}
