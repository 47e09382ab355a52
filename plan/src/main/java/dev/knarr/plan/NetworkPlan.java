// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * A plan with the network in mind: which device takes what, how windows are kept, where tokens are
 * chosen, and what crosses the wire then. Immutable.
 *
 * @param windows which device takes what, and how sliding windows are kept
 * @param sampling where tokens are chosen
 * @param wire for a sequence that has filled half of its context
 */
public record NetworkPlan(
    WindowChoice.Planned windows, SamplingChoice sampling, WireEstimate wire) {

  /**
   * What a plan is made of.
   *
   * @param estimate the model
   * @param wishes what the user's arguments of llama-server say
   * @param output where the output layer is wanted
   * @param processor the head's, where it may take the output layer; with {@link OutputPlace#HEAD}
   *     it has to, and is left out only where a device of llama-server is the last one
   * @param split makes a split over the devices that there are, and those that it is given as well
   * @param workers the workers of these stops, as the wire sees them
   */
  public record Input(
      MemoryEstimate estimate,
      Wishes wishes,
      OutputPlace output,
      Optional<HeadProcessor> processor,
      BiFunction<MemoryEstimate, List<DeviceCapacity>, SplitPlan> split,
      Function<List<WireStop>, List<WireWorker>> workers) {

    private WindowChoice.Planned windows(Optional<HeadProcessor> aside) {
      var more = aside.map(HeadProcessor::capacity).stream().toList();
      return WindowChoice.plan(estimate, wishes.wholeWindow(), model -> split.apply(model, more));
    }

    private WireShape shape(WindowChoice.Planned windows) {
      return windows.estimate().wireShape(estimate.contextLength() / 2);
    }

    private SamplingChoice choose(WindowChoice.Planned windows, Optional<HeadProcessor> candidate) {
      var stops = WireStop.of(windows.split());
      var withLayers = isAside(windows) ? stops.subList(0, stops.size() - 1) : stops;
      return SamplingChoice.of(
          shape(windows),
          withLayers,
          workers.apply(stops),
          new SamplingChoice.Wanted(wishes.sampling(), output, estimate.outputBytes(), candidate));
    }

    private NetworkPlan planned(WindowChoice.Planned windows, SamplingChoice sampling) {
      var stops = WireStop.of(windows.split());
      return new NetworkPlan(
          windows,
          sampling,
          WireEstimate.of(shape(windows), stops, workers.apply(stops), sampling.sampling()));
    }
  }

  /**
   * Plans.
   *
   * @throws PlanException when there is no plan, saying what would help
   */
  public static NetworkPlan of(Input input) {
    if (input.output() == OutputPlace.HEAD) {
      var windows = input.windows(input.processor());
      return input.planned(windows, input.choose(windows, input.processor()));
    }
    var windows = input.windows(Optional.empty());
    var sampling = input.choose(windows, input.processor());
    if (sampling.sampling() != Sampling.HEAD || endsOnHead(windows)) {
      return input.planned(windows, sampling);
    }
    try {
      return input.planned(input.windows(input.processor()), sampling);
    } catch (PlanException _) {
      // The head has too little memory, or llama-server no room for another device; and nobody has
      // asked for it.
      return input.planned(windows, input.choose(windows, Optional.empty()));
    }
  }

  /** With the split of an earlier plan, over the links as they are now. */
  public NetworkPlan again(Input input) {
    return isAside(windows)
        ? input.planned(windows, sampling)
        : input.planned(windows, input.choose(windows, Optional.empty()));
  }

  /** Whether the head's processor has the output layer. */
  public boolean usesProcessor() {
    return isAside(windows);
  }

  private static boolean isAside(WindowChoice.Planned windows) {
    return windows.split().devices().getLast().onHeadProcessor();
  }

  private static boolean endsOnHead(WindowChoice.Planned windows) {
    return WireStop.of(windows.split()).getLast().onHead();
  }
}
