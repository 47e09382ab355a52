// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class ProgressLineTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
  private final AtomicLong nanos = new AtomicLong();

  private String text() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Nested
  class GivenNoTerminal {
    private final ProgressLine line = new ProgressLine(out, false, 80, nanos::get);

    @Test
    void whenAStepMovesOn_thenALineComesEveryTenSecondsOnly() {
      for (int percent = 0; percent <= 100; percent++) {
        line.update("load", percent + " %");
        nanos.addAndGet(TimeUnit.MILLISECONDS.toNanos(150));
      }

      assertThat(text().lines()).containsExactly("0 %", "67 %");
    }

    @Test
    void whenAnotherStepBegins_thenItIsShownAtOnce() {
      line.update("one", "one");
      line.update("two", "two");

      assertThat(text().lines()).containsExactly("one", "two");
      assertThat(text()).doesNotContain("\r");
    }
  }

  @Nested
  class GivenATerminal {
    private final ProgressLine line = new ProgressLine(out, true, 20, nanos::get);

    @Test
    void whenALineFollowsAnUpdate_thenTheUpdateIsWipedAway() {
      line.update("load", "12 %");
      line.line("Ready");

      assertThat(text()).isEqualTo("12 %\r\u001b[KReady" + System.lineSeparator());
    }

    @Test
    void whenTheTextIsWiderThanTheTerminal_thenItIsCut() {
      line.update("load", "x".repeat(50));

      assertThat(text()).isEqualTo("x".repeat(18) + "…");
    }
  }
}
