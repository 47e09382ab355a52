// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import java.nio.file.Path;
import java.util.stream.Collectors;

/** Says how a part ended that should not have. */
final class Endings {
  private static final int LINES_QUOTED = 6;
  private static final String KILLED = "signal 9";

  private Endings() {}

  private static final String ALL_STOPS = "everything else is stopped";

  static String worker(ChildProcess child) {
    return worker(child, ALL_STOPS);
  }

  /** Of a worker without which it goes on. */
  static String missedWorker(ChildProcess child) {
    return worker(child, "the head goes on without it where it can (spec.recovery)");
  }

  private static String worker(ChildProcess child, String consequence) {
    return message(
        "Worker " + child.part(),
        child,
        consequence,
        "Start again with more free memory, fewer or smaller workers, or a shorter contextLength.");
  }

  static String head(ChildProcess child) {
    return message("The head", child, ALL_STOPS, "Start again.");
  }

  private static String message(String who, ChildProcess child, String consequence, String remedy) {
    var ending = child.ending();
    // Who ends by itself says why in its log; who is killed says nothing.
    var hint =
        ending.endsWith(KILLED)
            ? " Somebody killed it; if that was the kernel for want of memory, 'dmesg' says so. "
                + remedy
            : "";
    return "%s (process %d) %s; %s.%s Its log %s ends with:%n%s"
        .formatted(
            who, child.pid(), ending, consequence, hint, child.log(), lastLines(child.log()));
  }

  static String lastLines(Path log) {
    var lines = LogTail.last(log, LINES_QUOTED);
    return lines.isEmpty()
        ? "  (nothing)"
        : lines.stream().map(line -> "  " + line).collect(Collectors.joining("\n"));
  }
}
