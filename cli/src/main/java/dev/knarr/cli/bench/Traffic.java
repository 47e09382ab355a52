// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.bench.EndpointSpec.Way;
import dev.knarr.head.HeadMetrics;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * What crosses the wire for one token, all workers of an endpoint together, framing included.
 *
 * @param bytesPerToken in both directions
 * @param roundTripsPerToken answers that llama-bench waited for
 */
record Traffic(double bytesPerToken, double roundTripsPerToken) {
  private static final Duration LAST_FRAME_LIMIT = Duration.ofSeconds(10);

  private record Count(double bytes, double roundTrips) {}

  /**
   * Counts a test's traffic with relays, or a router, between llama-bench and the workers, which is
   * why it is not timed. What workers send each other is not in it. What a repetition costs is the
   * difference between a run with two and a run with one: weights and everything else that happens
   * once drops out.
   *
   * @param test which one, in llama-bench's options
   * @param tokens of one repetition
   */
  static Traffic measure(
      LlamaBench llamaBench,
      Endpoint endpoint,
      Path model,
      List<String> test,
      int tokens,
      Consumer<String> progress)
      throws InterruptedException {
    var one = count(llamaBench, endpoint, model, test, 1, progress);
    var two = count(llamaBench, endpoint, model, test, 2, progress);
    return new Traffic(
        (two.bytes() - one.bytes()) / tokens, (two.roundTrips() - one.roundTrips()) / tokens);
  }

  private static Count count(
      LlamaBench llamaBench,
      Endpoint endpoint,
      Path model,
      List<String> test,
      int repetitions,
      Consumer<String> progress)
      throws InterruptedException {
    var registry = new SimpleMeterRegistry();
    var devices = endpoint.devicesOfWorkers();
    var way = endpoint.way().routed() ? Way.ROUTER : Way.RELAY;
    try (var entrance =
        Entrance.open(
            way, endpoint.addresses(), devices, endpoint.transport(), List.of(model), registry)) {
      var arguments = new ArrayList<>(test);
      arguments.addAll(List.of("-r", Integer.toString(repetitions), "--no-warmup"));
      llamaBench.run(endpoint, entrance.addresses(), model, arguments, progress);
      awaitLastFrame(registry);
    }
    return new Count(sum(registry, HeadMetrics.RPC_BYTES), sum(registry, HeadMetrics.ROUND_TRIPS));
  }

  /** What llama-bench said last may still be on its way when its process has ended. */
  private static void awaitLastFrame(MeterRegistry registry) throws InterruptedException {
    long deadline = System.nanoTime() + LAST_FRAME_LIMIT.toNanos();
    while (registry.find(HeadMetrics.CONNECTIONS).gauges().stream().anyMatch(g -> g.value() > 0)) {
      if (System.nanoTime() > deadline) {
        throw new BenchException("A connection did not end with llama-bench.");
      }
      Thread.sleep(5);
    }
  }

  private static double sum(MeterRegistry registry, String name) {
    return registry.find(name).counters().stream().mapToDouble(Counter::count).sum();
  }
}
