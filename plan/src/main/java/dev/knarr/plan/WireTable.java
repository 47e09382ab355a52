// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Prints what crosses the wire, and what was decided because of it, for people. */
public final class WireTable {
  private WireTable() {}

  /**
   * A line for each link, a line of totals and a sentence for each choice; ends with a newline.
   *
   * @param links where the figures of the links come from, such as {@code assumed}
   */
  public static String render(
      WireEstimate wire, SamplingChoice sampling, Optional<WindowChoice> window, String links) {
    List<String> lines = new ArrayList<>();
    lines.add("");
    lines.add("On the wire (links %s):".formatted(links));
    for (var link : wire.links()) {
      lines.add(
          load(
              link.name(),
              Math.round(link.bytesPerToken()),
              Math.round(link.promptBytesPerToken())));
    }
    lines.add(load("together", wire.bytesPerToken(), wire.promptBytesPerToken()));
    lines.add(waits(wire));
    lines.add("Sampling: %s. %s".formatted(sampling.sampling().text(), sampling.reason()));
    window.ifPresent(
        choice ->
            lines.add(
                "Sliding window: %s. %s"
                    .formatted(choice.whole() ? "whole context" : "window", choice.reason())));
    wire.bottleneck().ifPresent(warning -> lines.add("Warning: " + warning));
    lines.add("");
    return String.join(System.lineSeparator(), lines);
  }

  private static String load(String name, long bytes, long promptBytes) {
    return String.format(
        Locale.ROOT,
        "  %-20s %10s for each token, %10s for each of a prompt",
        name,
        ByteSize.format(bytes),
        ByteSize.format(promptBytes));
  }

  private static String waits(WireEstimate wire) {
    var trips =
        wire.roundTrips() == 1 ? "1 round trip" : wire.roundTrips() + " round trips in a row";
    var rate = wire.tokensPerSecond();
    var promptRate = wire.promptTokensPerSecond();
    return rate.isEmpty() || promptRate.isEmpty()
        ? "A token waits for %s.".formatted(trips)
        : String.format(
            Locale.ROOT,
            "A token waits for %s, %.2f ms; the links alone allow %,.0f tokens/s, and %,.0f of prompts.",
            trips,
            wire.latencyMicros().orElse(0) / 1000,
            rate.getAsDouble(),
            promptRate.getAsDouble());
  }
}
