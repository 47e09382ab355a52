// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import java.nio.file.Path;
import java.util.stream.Collectors;

/** Says how a part ended that should not have. */
final class Endings {
  private static final int LINES_QUOTED = 6;
  private static final String KILLED = "signal 9";

  private Endings() {}

  static String worker(ChildProcess child) {
    return message(
        "Worker " + child.part(),
        child,
        "Start again with more free memory, fewer or smaller workers, or a shorter contextLength.");
  }

  static String head(ChildProcess child) {
    return message("The head", child, "Start again.");
  }

  private static String message(String who, ChildProcess child, String remedy) {
    var ending = child.ending();
    // Who ends by itself says why in its log; who is killed says nothing.
    var hint =
        ending.endsWith(KILLED)
            ? " Somebody killed it; if that was the kernel for want of memory, 'dmesg' says so. "
                + remedy
            : "";
    return "%s (process %d) %s; everything else is stopped.%s Its log %s ends with:%n%s"
        .formatted(who, child.pid(), ending, hint, child.log(), lastLines(child.log()));
  }

  static String lastLines(Path log) {
    var lines = LogTail.last(log, LINES_QUOTED);
    return lines.isEmpty()
        ? "  (nothing)"
        : lines.stream().map(line -> "  " + line).collect(Collectors.joining("\n"));
  }
}
