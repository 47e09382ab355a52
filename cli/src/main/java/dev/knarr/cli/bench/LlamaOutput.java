// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import java.util.List;
import java.util.regex.Pattern;

/** Picks from a llama.cpp program's output what says why it failed. */
final class LlamaOutput {
  private static final int LINES_QUOTED = 6;

  /** What every start says, however well it goes. */
  private static final Pattern NOISE =
      Pattern.compile("(ggml_backend_load_best|load_backend|llama-bench: benchmark)\\b.*|\\s*");

  private LlamaOutput() {}

  static boolean isNoise(String line) {
    return NOISE.matcher(line).matches();
  }

  /** The last lines that say something, indented, each on a line of its own. */
  static String lastLines(List<String> lines) {
    var telling = lines.stream().filter(line -> !isNoise(line)).toList();
    var last = telling.subList(Math.max(0, telling.size() - LINES_QUOTED), telling.size());
    return last.isEmpty() ? "  (nothing)" : String.join("\n", last).indent(2).stripTrailing();
  }
}
