// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.terminal;

import java.io.PrintStream;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Lines that stay, and below them at most one that is updated in place. Where the output is no
 * terminal, an update becomes a line of its own when its subject is new or some seconds have
 * passed. May be called by any thread.
 */
public final class ProgressLine {
  private static final String CLEAR_LINE = "\r\u001b[K";
  private static final Duration PLAIN_INTERVAL = Duration.ofSeconds(10);
  private static final Duration TERMINAL_INTERVAL = Duration.ofMillis(100);

  private final PrintStream out;
  private final boolean terminal;
  private final int columns;
  private final LongSupplier nanoClock;
  private String subject = "";
  private String shown = "";
  private long shownAt;

  ProgressLine(PrintStream out, boolean terminal, int columns, LongSupplier nanoClock) {
    this.out = out;
    this.terminal = terminal;
    this.columns = columns;
    this.nanoClock = nanoClock;
  }

  /** On the standard output of this process. */
  public static ProgressLine onStandardOutput() {
    return on(System.out);
  }

  /** On the standard error of this process, for a command whose standard output is its result. */
  public static ProgressLine onStandardError() {
    return on(System.err);
  }

  @SuppressWarnings("SystemConsoleNull") // From JDK 25 on it is null again where there is none.
  private static ProgressLine on(PrintStream out) {
    var console = System.console();
    boolean terminal =
        console != null
            && console.isTerminal()
            && !"dumb".equals(System.getenv("TERM"))
            && System.getenv("NO_PROGRESS") == null;
    return new ProgressLine(out, terminal, columns(), System::nanoTime);
  }

  private static int columns() {
    try {
      return Math.max(20, Integer.parseInt(String.valueOf(System.getenv("COLUMNS"))));
    } catch (NumberFormatException e) {
      return 100; // Only bash exports it, and only when asked to; most terminals are wider than 80.
    }
  }

  /** A line that stays. */
  public synchronized void line(String text) {
    clear();
    out.println(text);
    out.flush();
    subject = "";
  }

  /**
   * What is going on right now.
   *
   * @param subject the step, which tells a new one from an old one that has moved on
   * @param text what to show
   */
  public synchronized void update(String subject, String text) {
    long now = nanoClock.getAsLong();
    boolean sameStep = subject.equals(this.subject);
    var interval = terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL;
    if (sameStep && (text.equals(shown) || now - shownAt < interval.toNanos())) {
      return;
    }
    this.subject = subject;
    shownAt = now;
    if (terminal) {
      clear();
      shown = text.length() < columns ? text : text.substring(0, columns - 2) + "…";
      out.print(shown);
    } else {
      shown = text;
      out.println(text);
    }
    out.flush();
  }

  /** Removes the line that is updated, if there is one. */
  public synchronized void clear() {
    if (terminal && !shown.isEmpty()) {
      out.print(CLEAR_LINE);
      out.flush();
    }
    shown = "";
  }
}
