// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What crosses the network for one token of one sequence, and how fast the links alone would let it
 * be: every graph is known already, one sequence is at work, and computing takes no time.
 * Immutable.
 */
public final class WireEstimate {
  /** Answers that come slower than this are noticed by who reads them. */
  private static final double SLOW_TOKENS_PER_SECOND = 20;

  private static final double MICROS_PER_SECOND = 1_000_000;

  private final Sampling sampling;
  private final List<LinkLoad> links;
  private final int roundTrips;
  private final boolean plainWorkers;
  private final boolean detours;

  private WireEstimate(
      Sampling sampling, WireWalk walk, List<LinkLoad> links, List<WireWorker> used) {
    this.sampling = sampling;
    this.links = List.copyOf(links);
    this.roundTrips = walk.roundTrips();
    this.plainWorkers = used.stream().anyMatch(worker -> !worker.routed());
    this.detours =
        used.size() > 1
            && links.stream()
                .noneMatch(
                    link -> !link.from().equals(WireStop.HEAD) && !link.to().equals(WireStop.HEAD));
  }

  /**
   * Estimates.
   *
   * @param stops the devices that take something, in the order of the layers
   * @param workers all workers that the stops name, and maybe more
   * @throws IllegalArgumentException when a stop names a worker that is not there
   */
  public static WireEstimate of(
      WireShape shape, List<WireStop> stops, List<WireWorker> workers, Sampling sampling) {
    Map<String, WireWorker> byName = new HashMap<>();
    workers.forEach(worker -> byName.put(worker.name(), worker));
    var token = WireWalk.of(shape, stops, byName, sampling, 1);
    var prompt = WireWalk.of(shape, stops, byName, sampling, CacheLayout.BATCH);
    List<LinkLoad> links = new ArrayList<>();
    for (var ends : token.loads().keySet()) {
      var load = token.load(ends);
      links.add(
          new LinkLoad(
              ends.from(),
              ends.to(),
              load.bytes(),
              (double) prompt.load(ends).bytes() / CacheLayout.BATCH,
              token.speed(ends),
              load.micros(),
              load.transferMicros()));
    }
    var used =
        workers.stream()
            .filter(worker -> stops.stream().anyMatch(stop -> stop.worker().equals(worker.name())))
            .toList();
    return new WireEstimate(sampling, token, links, used);
  }

  /** Where tokens are chosen. */
  public Sampling sampling() {
    return sampling;
  }

  /** Each link that is used, in each direction by itself, in the order of the way. */
  public List<LinkLoad> links() {
    return links;
  }

  /** Bytes on all links together for one generated token, framing included. */
  public long bytesPerToken() {
    return Math.round(links.stream().mapToDouble(LinkLoad::bytesPerToken).sum());
  }

  /** Bytes on all links together for one token of a prompt, framing included. */
  public long promptBytesPerToken() {
    return Math.round(links.stream().mapToDouble(LinkLoad::promptBytesPerToken).sum());
  }

  /** Round trips that a generated token waits for, one after the other. */
  public int roundTrips() {
    return roundTrips;
  }

  /**
   * What the links add to a generated token; empty while a link that it waits for is unmeasured.
   */
  public OptionalDouble latencyMicros() {
    return measured()
        ? OptionalDouble.of(links.stream().mapToDouble(LinkLoad::micros).sum())
        : OptionalDouble.empty();
  }

  private boolean measured() {
    return links.stream().allMatch(link -> link.speed().measured());
  }

  /** Generated tokens per second that the links alone would allow; empty while unmeasured. */
  public OptionalDouble tokensPerSecond() {
    var latency = latencyMicros();
    return latency.isPresent() && latency.getAsDouble() > 0
        ? OptionalDouble.of(MICROS_PER_SECOND / latency.getAsDouble())
        : OptionalDouble.empty();
  }

  /**
   * Prompt tokens per second that the links alone would allow, by the slowest of them: batches
   * follow each other through the workers as through a pipeline. Empty while unmeasured.
   */
  public OptionalDouble promptTokensPerSecond() {
    return measured()
        ? links.stream()
            .filter(link -> link.promptBytesPerToken() > 0)
            .mapToDouble(link -> link.speed().forthBytesPerSecond() / link.promptBytesPerToken())
            .min()
        : OptionalDouble.empty();
  }

  /** The link that a generated token waits for longest; empty while unmeasured. */
  public Optional<LinkLoad> slowest() {
    return measured()
        ? links.stream().max(Comparator.comparingDouble(LinkLoad::micros))
        : Optional.empty();
  }

  /**
   * A warning where the links alone make answers slow, with the link to blame and what would help;
   * empty where they do not, or are not measured.
   */
  public Optional<String> bottleneck() {
    var rate = tokensPerSecond();
    var slowest = slowest();
    if (rate.isEmpty() || slowest.isEmpty() || rate.getAsDouble() >= SLOW_TOKENS_PER_SECOND) {
      return Optional.empty();
    }
    var link = slowest.get();
    return Optional.of(
        String.format(
            Locale.ROOT,
            "The network alone allows %.1f tokens/s: of %.1f ms for each token, %.1f ms are for %s (%s at %s, round trip %.1f ms). %s",
            rate.getAsDouble(),
            latencyMicros().orElseThrow() / 1000,
            link.micros() / 1000,
            link.name(),
            ByteSize.format(Math.round(link.bytesPerToken())),
            ByteSize.formatRate(link.speed().forthBytesPerSecond()),
            link.speed().roundTripMicros() / 1000,
            remedy(link)));
  }

  private String remedy(LinkLoad link) {
    boolean bytes = link.transferMicros() > link.micros() / 2;
    if (bytes && sampling == Sampling.LOGITS && link.to().equals(WireStop.HEAD)) {
      return "Most of it are logits: --backend-sampling chooses tokens on the worker instead, and a device of the head that is last in split.devices chooses them there.";
    }
    if (plainWorkers) {
      return bytes
          ? "Stock workers get all inputs in full: Knarr's workers get what has changed."
          : "Each stock worker costs a round trip of its own: with Knarr's workers a token costs one.";
    }
    if (detours) {
      return "The workers do not reach each other, so that everything goes over the head: let them connect to each other's RPC port.";
    }
    return bytes
        ? "A faster network between these two would help."
        : "Machines nearer to each other would help, or fewer of them.";
  }
}
