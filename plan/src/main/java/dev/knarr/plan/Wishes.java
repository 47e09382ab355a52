// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What the user's arguments of llama-server say about choices that the plan makes otherwise: the
 * last one counts. llama-server knows no argument against them, so those that begin with {@code
 * --no-} are Knarr's own. Immutable.
 *
 * @param sampling where tokens are to be chosen
 * @param wholeWindow whether layers with a sliding window are to keep the whole context
 * @param rest the arguments that say nothing about these
 */
public record Wishes(
    Optional<Sampling> sampling, Optional<Boolean> wholeWindow, List<String> rest) {

  /** Makes llama-server choose tokens on the worker. */
  public static final String GRAPH_SAMPLING = "--backend-sampling";

  /** Makes llama-server keep the whole context in layers with a sliding window. */
  public static final String WHOLE_WINDOW = "--swa-full";

  /** Reads the arguments. */
  public static Wishes of(List<String> arguments) {
    Optional<Sampling> sampling = Optional.empty();
    Optional<Boolean> wholeWindow = Optional.empty();
    List<String> rest = new ArrayList<>();
    for (String argument : arguments) {
      switch (argument) {
        case "-bs", GRAPH_SAMPLING -> sampling = Optional.of(Sampling.GRAPH);
        case "--no-backend-sampling" -> sampling = Optional.of(Sampling.LOGITS);
        case WHOLE_WINDOW -> wholeWindow = Optional.of(true);
        case "--no-swa-full" -> wholeWindow = Optional.of(false);
        default -> rest.add(argument);
      }
    }
    return new Wishes(sampling, wholeWindow, List.copyOf(rest));
  }
}
