// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** What a class logs at any level while this is open. */
public final class LogLines extends Handler implements AutoCloseable {
  private final Logger logger;
  private final Level before;
  private final List<String> lines = new CopyOnWriteArrayList<>();

  private LogLines(Logger logger) {
    this.logger = logger;
    this.before = logger.getLevel();
    setLevel(Level.ALL);
  }

  public static LogLines of(String loggerName) {
    var lines = new LogLines(Logger.getLogger(loggerName));
    lines.logger.setLevel(Level.ALL);
    lines.logger.addHandler(lines);
    return lines;
  }

  @Override
  public void publish(LogRecord record) {
    lines.add(record.getMessage());
  }

  public List<String> all() {
    return lines;
  }

  @Override
  public void flush() {
    // Lines are kept, not buffered.
  }

  @Override
  public void close() {
    logger.removeHandler(this);
    logger.setLevel(before);
  }
}
