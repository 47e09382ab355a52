// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * The last lines a child has printed, so that its end can be explained in its own words. Any
 * thread.
 */
final class OutputTail {

  private static final int KEPT_LINES = 200;
  private static final int QUOTED_LINES = 3;
  private static final int QUOTED_CHARS = 300;

  /** llama-server's own mark of an error: a time, then the letter E. */
  private static final Pattern MARKED = Pattern.compile("^(\\d+\\.)+\\d+ E .*");

  private static final Pattern PREFIX = Pattern.compile("^(\\d+\\.)+\\d+ [EWID] +");

  private final Deque<String> lines = new ArrayDeque<>();

  synchronized void add(String line) {
    if (line.isBlank()) {
      return;
    }
    if (lines.size() == KEPT_LINES) {
      lines.removeFirst();
    }
    lines.addLast(line);
  }

  synchronized List<String> lines() {
    return List.copyOf(lines);
  }

  /** Returns the last lines that look like errors, or else the last lines, as one quoted text. */
  synchronized String quote() {
    List<String> found = new ArrayList<>();
    for (String line : lines) {
      if (isError(line)) {
        found.add(line);
      }
    }
    if (found.isEmpty()) {
      found.addAll(lines);
    }
    if (found.isEmpty()) {
      return "nothing";
    }
    List<String> last = found.subList(Math.max(0, found.size() - QUOTED_LINES), found.size());
    return "\"" + String.join(" / ", last.stream().map(OutputTail::shortened).toList()) + "\"";
  }

  /** Whether {@link #quote} has found lines that look like errors. */
  synchronized boolean hasErrors() {
    return lines.stream().anyMatch(OutputTail::isError);
  }

  static boolean isError(String line) {
    if (MARKED.matcher(line).matches()) {
      return true;
    }
    String lower = line.toLowerCase(Locale.ROOT);
    return lower.startsWith("error")
        || lower.contains(" error:")
        || lower.contains("ggml_assert")
        || lower.contains("ggml_abort")
        || lower.contains("crashed or returned")
        || lower.contains("failed to")
        || lower.contains("unknown argument")
        || lower.contains("invalid argument");
  }

  private static String shortened(String line) {
    String text = PREFIX.matcher(line.strip()).replaceFirst("");
    return text.length() <= QUOTED_CHARS ? text : text.substring(0, QUOTED_CHARS) + "…";
  }
}
