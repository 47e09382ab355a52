// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Where tokens are chosen, and why there. Immutable.
 *
 * @param sampling where
 * @param byUser whether the user's arguments say so
 * @param costs what a token waits for the links in each way, as far as they are measured
 * @param reason a sentence for people
 */
public record SamplingChoice(
    Sampling sampling, boolean byUser, List<SamplingCost> costs, String reason) {
  /**
   * Sampling in the graph is new in llama.cpp, and tells its random numbers apart: it has to save
   * this much of each token.
   */
  private static final double WORTH_MICROS = 100;

  /** Copies the costs. */
  public SamplingChoice {
    costs = List.copyOf(costs);
  }

  /**
   * One way and what it costs.
   *
   * @param sampling the way
   * @param micros what a token waits for all links
   * @param bytes what crosses all links for a token
   * @param roundTrips how many a token waits for
   */
  public record SamplingCost(Sampling sampling, double micros, long bytes, int roundTrips) {}

  /**
   * Chooses.
   *
   * @param stops the devices that take something, in the order of the layers
   * @param wanted what the user's arguments say
   */
  public static SamplingChoice of(
      WireShape shape, List<WireStop> stops, List<WireWorker> workers, Optional<Sampling> wanted) {
    if (stops.getLast().onHead()) {
      return new SamplingChoice(
          Sampling.HEAD,
          false,
          List.of(cost(shape, stops, workers, Sampling.HEAD)),
          "The output is on a device of the head, so logits never cross the network.");
    }
    var logits = cost(shape, stops, workers, Sampling.LOGITS);
    var graph = cost(shape, stops, workers, Sampling.GRAPH);
    var aside = new ArrayList<>(stops);
    aside.add(new WireStop(WireStop.HEAD, false));
    var costs = List.of(logits, graph, cost(shape, aside, workers, Sampling.HEAD));
    boolean measured = workers.stream().allMatch(worker -> worker.link().measured());
    if (wanted.isPresent()) {
      return new SamplingChoice(
          wanted.get(),
          true,
          costs,
          "The arguments of llama-server (spec.head.args) say so."
              + (measured ? " " + compared(shape, logits, graph) : ""));
    }
    if (!measured) {
      return new SamplingChoice(
          Sampling.LOGITS,
          false,
          costs,
          "The links are not measured, so nothing is known to be faster.");
    }
    double saved = logits.micros() - graph.micros();
    return saved >= WORTH_MICROS
        ? new SamplingChoice(Sampling.GRAPH, false, costs, compared(shape, logits, graph))
        : new SamplingChoice(
            Sampling.LOGITS,
            false,
            costs,
            compared(shape, logits, graph) + (saved > 0 ? " That is not worth the change." : ""));
  }

  private static SamplingCost cost(
      WireShape shape, List<WireStop> stops, List<WireWorker> workers, Sampling sampling) {
    var estimate = WireEstimate.of(shape, stops, workers, sampling);
    return new SamplingCost(
        sampling,
        estimate.latencyMicros().orElse(0),
        estimate.bytesPerToken(),
        estimate.roundTrips());
  }

  private static String compared(WireShape shape, SamplingCost logits, SamplingCost graph) {
    double saved = (logits.micros() - graph.micros()) / 1000;
    return saved > 0
        ? String.format(
            Locale.ROOT,
            "The logits of %,d tokens are %s; choosing the token on the worker leaves %s of all that crosses, and saves %.2f of %.2f ms for each token.",
            shape.vocabulary(),
            ByteSize.format(shape.logitBytes()),
            ByteSize.format(graph.bytes()),
            saved,
            logits.micros() / 1000)
        : String.format(
            Locale.ROOT,
            "The logits of %,d tokens, %s, cross faster than the %d more round trips that choosing the token on the worker takes: %.2f ms for each token against %.2f.",
            shape.vocabulary(),
            ByteSize.format(shape.logitBytes()),
            graph.roundTrips() - logits.roundTrips(),
            logits.micros() / 1000,
            graph.micros() / 1000);
  }
}
