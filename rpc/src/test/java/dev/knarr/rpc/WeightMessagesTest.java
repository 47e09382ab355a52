// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.rpc.RouteRequest.Adopted;
import dev.knarr.rpc.RouteRequest.Offer;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RouteRequest.Weights;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The messages about weights, compared with the layout of {@code docs/router-protocol.md}. */
class WeightMessagesTest {
  private static final Range RANGE = new Range(3, 300, 1L << 40);
  private static final long HASH = 0xfedcba9876543210L;

  private static ByteBuffer encoded(RouteRequest request) {
    var bytes = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
    request.encode(bytes);
    return bytes.flip();
  }

  private static Stream<RouteRequest> messages() {
    return Stream.of(new Offer(RANGE, HASH), new Weights(RANGE, HASH), new Adopted(77));
  }

  @Nested
  class GivenAnOffer {
    @Test
    void whenItIsEncoded_thenTheFieldsLieWhereTheyAreDescribed() {
      var bytes = encoded(new Offer(RANGE, HASH));

      assertThat(Varint.get(bytes)).isEqualTo(3);
      assertThat(Varint.get(bytes)).isEqualTo(300);
      assertThat(Varint.get(bytes)).isEqualTo(1L << 40);
      assertThat(bytes.getLong()).isEqualTo(HASH);
      assertThat(bytes.hasRemaining()).isFalse();
    }
  }

  @ParameterizedTest
  @MethodSource("messages")
  void whenAMessageIsDecoded_thenItIsWhatWasEncoded(RouteRequest message) {
    var bytes = encoded(message);
    long payload = bytes.remaining() + message.dataBytes();

    assertThat(RpcRequest.decode(message.command(), bytes, payload)).isEqualTo(message);
    assertThat(message.payloadBytes()).isEqualTo(payload);
  }

  @ParameterizedTest
  @MethodSource("messages")
  void whenTheFrameHasMoreOrLess_thenItIsRefused(RouteRequest message) {
    var bytes = encoded(message);
    long payload = bytes.remaining() + message.dataBytes();

    for (int cut = 0; cut < bytes.limit(); cut++) {
      var less = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN).limit(cut);
      assertThatThrownBy(() -> RpcRequest.decode(message.command(), less, less.limit()))
          .isInstanceOf(RpcProtocolException.class);
    }
    for (long wrong : new long[] {payload - 1, payload + 1}) {
      var all = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
      assertThatThrownBy(() -> RpcRequest.decode(message.command(), all, wrong))
          .isInstanceOf(RpcProtocolException.class);
    }
  }
}
