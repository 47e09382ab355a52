// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.event.Level;

/**
 * Keeps clients from filling the log with their mistakes: so many lines a minute are warnings, the
 * rest is detail. Any thread.
 */
public final class LogGate {
  private static final int LINES = 30;
  private static final long WINDOW_NANOS = Duration.ofMinutes(1).toNanos();

  private final Logger log;
  private long openedNanos = System.nanoTime();
  private int lines;

  /** A gate of its own number of lines before {@code log}. */
  public LogGate(Logger log) {
    this.log = log;
  }

  /** The level at which to write the next line. */
  public synchronized Level level() {
    long now = System.nanoTime();
    if (now - openedNanos >= WINDOW_NANOS) {
      openedNanos = now;
      lines = 0;
    }
    if (lines == LINES) {
      log.warn("{} such lines within a minute: more of them are logged at DEBUG only", LINES);
    }
    return lines++ < LINES ? Level.WARN : Level.DEBUG;
  }
}
