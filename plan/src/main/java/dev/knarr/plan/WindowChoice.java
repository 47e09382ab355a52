// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/**
 * How layers with a sliding window keep their cache, and why so. With the whole context
 * (llama.cpp's {@code --swa-full}) a prompt may go back to any place of the conversation before;
 * with the window alone llama-server processes all of it again when it goes back further than the
 * window's reserve. The price is memory, and attention that reads more. Immutable.
 *
 * @param whole whether they keep the whole context
 * @param byUser whether the user's arguments say so
 * @param extraBytes what the whole context takes more, of all sequences
 * @param reason a sentence for people
 */
public record WindowChoice(boolean whole, boolean byUser, long extraBytes, String reason) {
  /** How much slower a token may become at the end of a full context. */
  private static final double MOST_SLOWDOWN = 0.1;

  /**
   * A plan and how windows are kept in it.
   *
   * @param estimate the model with the options that were chosen
   * @param choice empty for a model without sliding windows
   */
  public record Planned(MemoryEstimate estimate, SplitPlan split, Optional<WindowChoice> choice) {}

  /**
   * Plans with the better of both ways.
   *
   * @param estimate the model
   * @param wanted what the user's arguments say
   * @param split makes a plan
   * @throws PlanException when {@code split} throws it for the way that is taken
   */
  public static Planned plan(
      MemoryEstimate estimate,
      Optional<Boolean> wanted,
      Function<MemoryEstimate, SplitPlan> split) {
    var window = estimate.with(estimate.options().withWholeWindow(false));
    var whole = estimate.with(estimate.options().withWholeWindow(true));
    if (!window.slidingWindow() || whole.kvBytes() == window.kvBytes()) {
      return new Planned(window, split.apply(window), Optional.empty());
    }
    long extra = whole.kvBytes() - window.kvBytes();
    double slowdown =
        (double) extra / estimate.options().parallelSequences() / window.activeWeightsBytes();
    var costs =
        String.format(
            Locale.ROOT,
            "takes %s more and makes a token up to %.0f %% slower at the end of a full context",
            ByteSize.format(extra),
            slowdown * 100);
    if (wanted.isPresent()) {
      var taken = wanted.get() ? whole : window;
      return new Planned(
          taken,
          split.apply(taken),
          Optional.of(
              new WindowChoice(
                  wanted.get(),
                  true,
                  extra,
                  "The arguments of llama-server (spec.head.args) say so; keeping the whole context "
                      + costs
                      + ".")));
    }
    if (slowdown <= MOST_SLOWDOWN) {
      try {
        return new Planned(
            whole,
            split.apply(whole),
            Optional.of(
                new WindowChoice(
                    true,
                    false,
                    extra,
                    "The whole context is kept, which %s: a prompt may go back to any place without being processed again."
                        .formatted(costs))));
      } catch (PlanException e) {
        if (e.fault() != PlanFault.DOES_NOT_FIT) {
          throw e;
        }
        // The window alone may fit.
      }
    }
    return new Planned(
        window,
        split.apply(window),
        Optional.of(
            new WindowChoice(
                false,
                false,
                extra,
                "Only the window is kept: the whole context (--swa-full) %s%s. A prompt that goes back more than %d tokens is processed again."
                    .formatted(
                        costs,
                        slowdown <= MOST_SLOWDOWN ? ", and does not fit" : "",
                        window.rewindTokens()))));
  }
}
