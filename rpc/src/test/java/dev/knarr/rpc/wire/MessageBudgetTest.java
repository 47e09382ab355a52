// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import java.io.IOException;
import java.nio.channels.AsynchronousCloseException;
import java.time.Duration;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class MessageBudgetTest {
  private static final long MEBIBYTE = 1 << 20;
  private static final WireLimits LIMITS = WireLimits.defaults().withMaxGraphBytes(16 << 20);

  private final MessageBudget impatient = MessageBudget.of(32 * MEBIBYTE, LIMITS, Duration.ZERO);

  private static void refused(MessageBudget.Share share, long bytes) {
    assertThatThrownBy(() -> share.growTo(bytes))
        .isInstanceOfSatisfying(
            RpcProtocolException.class,
            e -> assertThat(e.fault()).isEqualTo(ProtocolFault.BUDGET_EXCEEDED));
  }

  @Nested
  class GivenALargeMessage {
    @Test
    void whenItsFirstBytesCome_thenItTakesAllItHasAnnounced() throws IOException {
      var share = impatient.share(16 * MEBIBYTE);

      share.growTo(1000);

      assertThat(impatient.usedBytes()).isEqualTo(16 * MEBIBYTE);
      share.giveBack();
      assertThat(impatient.usedBytes()).isZero();
    }

    @Test
    void whenAnotherHasHalfOfTheBudget_thenItIsRefusedAndSmallOnesAreNot() throws IOException {
      impatient.share(16 * MEBIBYTE).growTo(1);

      refused(impatient.share(5 * MEBIBYTE), 1);
      for (int i = 0; i < 4; i++) {
        impatient.share(4 * MEBIBYTE).growTo(4 * MEBIBYTE);
      }
      refused(impatient.share(1), 1);
    }
  }

  @Nested
  class GivenASmallMessage {
    @Test
    void whenItsBytesCome_thenItTakesTheseAndNoMore() throws IOException {
      var share = impatient.share(4 * MEBIBYTE);

      share.growTo(1000);
      share.growTo(2000);

      assertThat(impatient.usedBytes()).isEqualTo(2000);
    }
  }

  @Nested
  class GivenAMessageThatWaits {
    private final MessageBudget patient =
        MessageBudget.of(16 * MEBIBYTE, LIMITS, Duration.ofHours(1));

    @Test
    void whenAnotherGivesBack_thenItGoesOn() throws Exception {
      var first = patient.share(16 * MEBIBYTE);
      first.growTo(1);
      try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        var second = patient.share(8 * MEBIBYTE);
        var waiting =
            threads.submit(
                () -> {
                  second.growTo(1);
                  return null;
                });
        first.giveBack();

        waiting.get();
        assertThat(patient.usedBytes()).isEqualTo(8 * MEBIBYTE);
      }
    }

    @Test
    void whenTheBudgetIsClosed_thenItEnds() throws IOException {
      patient.share(16 * MEBIBYTE).growTo(1);
      patient.close();

      assertThatThrownBy(() -> patient.share(1).growTo(1))
          .isInstanceOf(AsynchronousCloseException.class);
    }
  }
}
