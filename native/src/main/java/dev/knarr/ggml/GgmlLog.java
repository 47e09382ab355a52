// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import com.sun.jna.Pointer;
import dev.knarr.ggml.GgmlFunctions.AbortCallback;
import dev.knarr.ggml.GgmlFunctions.Base;
import dev.knarr.ggml.GgmlFunctions.LogCallback;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * ggml's own messages, to the logger {@code ggml}; and its last one, after which the process ends.
 * Called from any thread, native ones included.
 */
final class GgmlLog {
  private static final Logger LOG = LoggerFactory.getLogger("ggml");
  private static final int CONTINUED = 5;

  // Strong references: ggml keeps only the address, and a collected callback is a crash.
  private static final LogCallback LOGGING = GgmlLog::log;
  private static final AbortCallback ABORTING = GgmlLog::abort;

  /** The beginning of a line whose end has not come yet; guarded by the class. */
  private static final StringBuilder LINE = new StringBuilder();

  private static Level level = Level.INFO;

  private GgmlLog() {}

  static void install() {
    Base.ggml_log_set(LOGGING, null);
    Base.ggml_set_abort_callback(ABORTING);
  }

  private static synchronized void log(
      int level, @Nullable Pointer text, @Nullable Pointer userData) {
    if (text == null) {
      return;
    }
    if (level != CONTINUED) {
      GgmlLog.level = levelOf(level);
    }
    LINE.append(text.getString(0, StandardCharsets.UTF_8.name()));
    for (int end = LINE.indexOf("\n"); end >= 0; end = LINE.indexOf("\n")) {
      String line = LINE.substring(0, end).stripTrailing();
      LINE.delete(0, end + 1);
      if (!line.isEmpty()) {
        LOG.atLevel(GgmlLog.level).log(line);
      }
    }
  }

  /** ggml's own numbers; what it calls information is detail to whoever runs a worker. */
  private static Level levelOf(int level) {
    return switch (level) {
      case 4 -> Level.ERROR;
      case 3 -> Level.WARN;
      default -> Level.DEBUG;
    };
  }

  private static void abort(@Nullable Pointer message) {
    try {
      String text =
          message == null ? "no reason given" : message.getString(0, StandardCharsets.UTF_8.name());
      LOG.error("ggml gave up, and this process ends with code {}: {}", Ggml.ABORT_EXIT_CODE, text);
    } finally {
      // Returning would end in abort() and a core file; an orderly exit could wait for the very
      // thread that is here.
      Runtime.getRuntime().halt(Ggml.ABORT_EXIT_CODE);
    }
  }
}
