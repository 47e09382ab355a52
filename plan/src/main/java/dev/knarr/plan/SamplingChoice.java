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
 * @param byUser whether the user says so
 * @param costs what a token waits for in each way, as far as it is known
 * @param reason a sentence for people
 */
public record SamplingChoice(
    Sampling sampling, boolean byUser, List<SamplingCost> costs, String reason) {
  /**
   * Sampling in the graph is new in llama.cpp, and tells its random numbers apart; a processor has
   * more to do than was reckoned: either has to save this much of each token.
   */
  private static final double WORTH_MICROS = 100;

  /** From here on it is worth a sentence what requests cost that read all logits. */
  private static final double NOTICEABLE_MICROS = 1000;

  /** Copies the costs. */
  public SamplingChoice {
    costs = List.copyOf(costs);
  }

  /**
   * One way and what it costs.
   *
   * @param sampling the way
   * @param micros what a token waits for all links
   * @param headMicros what the head's processor takes of a token, by estimate; 0 where it has
   *     nothing to do, or where that decides nothing and is not known
   * @param bytes what crosses all links for a token
   * @param roundTrips how many a token waits for
   */
  public record SamplingCost(
      Sampling sampling, double micros, double headMicros, long bytes, int roundTrips) {
    private double allMicros() {
      return micros + headMicros;
    }
  }

  /**
   * What is wanted and what there is.
   *
   * @param sampling what the user's arguments of llama-server say
   * @param output where the output layer is wanted
   * @param outputBytes weights of that layer
   * @param processor the head's; empty where it cannot take the output layer
   */
  public record Wanted(
      Optional<Sampling> sampling,
      OutputPlace output,
      long outputBytes,
      Optional<HeadProcessor> processor) {}

  /**
   * Chooses. Where the head's processor is chosen, the plan has yet to be made with it.
   *
   * @param stops the devices that take something, in the order of the layers, without the head's
   *     processor
   */
  public static SamplingChoice of(
      WireShape shape, List<WireStop> stops, List<WireWorker> workers, Wanted wanted) {
    if (stops.getLast().onHead()) {
      return new SamplingChoice(
          Sampling.HEAD,
          false,
          List.of(cost(shape, stops, workers, Sampling.HEAD, 0)),
          "The output is on a device of the head, so logits never cross the network.");
    }
    return new Ways(shape, stops, workers, wanted).choose();
  }

  private static SamplingCost cost(
      WireShape shape,
      List<WireStop> stops,
      List<WireWorker> workers,
      Sampling sampling,
      double headMicros) {
    var estimate = WireEstimate.of(shape, stops, workers, sampling);
    return new SamplingCost(
        sampling,
        estimate.latencyMicros().orElse(0),
        headMicros,
        estimate.bytesPerToken(),
        estimate.roundTrips());
  }

  /** All ways for a plan that has the output with the last layers. */
  private static final class Ways {
    private final WireShape shape;
    private final Wanted wanted;
    private final boolean measured;
    private final SamplingCost logits;
    private final SamplingCost graph;
    private final SamplingCost head;

    private Ways(WireShape shape, List<WireStop> stops, List<WireWorker> workers, Wanted wanted) {
      this.shape = shape;
      this.wanted = wanted;
      this.measured = workers.stream().allMatch(worker -> worker.link().measured());
      this.logits = cost(shape, stops, workers, Sampling.LOGITS, 0);
      this.graph = cost(shape, stops, workers, Sampling.GRAPH, 0);
      var aside = new ArrayList<>(stops);
      aside.add(new WireStop(WireStop.HEAD, false));
      var free = cost(shape, aside, workers, Sampling.HEAD, 0);
      this.head =
          wanted.processor().isPresent() && isCandidate(free)
              ? cost(shape, aside, workers, Sampling.HEAD, processorMicros())
              : free;
    }

    /** Whether it matters how fast the head's processor is. */
    private boolean isCandidate(SamplingCost free) {
      return switch (wanted.output()) {
        case HEAD -> true;
        case LAYERS -> false;
        case AUTO -> measured && wanted.sampling().isEmpty() && isWorth(free);
      };
    }

    private boolean isWorth(SamplingCost way) {
      return Math.min(logits.micros(), graph.micros()) - way.allMicros() >= WORTH_MICROS;
    }

    private double processorMicros() {
      return wanted.processor().orElseThrow().micros(shape, wanted.outputBytes());
    }

    private SamplingChoice choose() {
      if (wanted.output() == OutputPlace.HEAD) {
        return choice(
            Sampling.HEAD, true, "spec.split.output says so." + (measured ? " " + onHead() : ""));
      }
      if (wanted.sampling().isPresent()) {
        return choice(
            wanted.sampling().get(),
            true,
            "The arguments of llama-server (spec.head.args) say so."
                + (measured ? " " + compared() : ""));
      }
      if (!measured) {
        return choice(
            Sampling.LOGITS,
            false,
            "The links are not measured, so nothing is known to be faster.");
      }
      if (head.headMicros() > 0 && isWorth(head)) {
        return choice(Sampling.HEAD, false, onHead());
      }
      double saved = logits.micros() - graph.micros();
      return saved >= WORTH_MICROS
          ? choice(Sampling.GRAPH, false, compared() + forAllLogits(saved))
          : choice(
              Sampling.LOGITS,
              false,
              compared() + (saved > 0 ? " That is not worth the change." : ""));
    }

    private SamplingChoice choice(Sampling sampling, boolean byUser, String reason) {
      return new SamplingChoice(sampling, byUser, List.of(logits, graph, head), reason);
    }

    private String compared() {
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

    private String forAllLogits(double saved) {
      return saved < NOTICEABLE_MICROS || wanted.output() == OutputPlace.LAYERS
          ? ""
          : String.format(
              Locale.ROOT,
              " A request that reads all logits (n_probs, a grammar, a JSON schema) takes %.2f ms more for each token; with spec.split.output Head none does, while the head's CPU reads %s for each token of all.",
              saved / 1000,
              ByteSize.format(wanted.outputBytes()));
    }

    private String onHead() {
      var other = logits.micros() <= graph.micros() ? logits : graph;
      return String.format(
          Locale.ROOT,
          "With the output layer on the head's CPU an activation of %s crosses instead of the logits of %,d tokens (%s). The CPU reads %s for it, so that links and it take %.2f + %.2f ms of each token, against %.2f ms for the links with %s.",
          ByteSize.format(shape.activationBytes()),
          shape.vocabulary(),
          ByteSize.format(shape.logitBytes()),
          ByteSize.format(wanted.outputBytes()),
          head.micros() / 1000,
          head.headMicros() / 1000,
          other.micros() / 1000,
          other.sampling() == Sampling.GRAPH ? "tokens chosen on the worker" : "logits");
    }
  }
}
