// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.HeadMetrics;
import dev.knarr.plan.LinkLoad;
import dev.knarr.plan.WireEstimate;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * What the plan in force says of the network, to be compared with what is counted. One thread
 * writes; any reads.
 */
final class PlanMeters {

  private final MultiGauge bytes;
  private final MultiGauge promptBytes;
  private final MultiGauge roundTrip;
  private final MultiGauge throughput;
  private final MultiGauge tokens;

  PlanMeters(MeterRegistry registry) {
    bytes =
        MultiGauge.builder(HeadMetrics.PLAN_TOKEN)
            .description("What a link carries for one generated token, by estimate")
            .baseUnit("bytes")
            .register(registry);
    promptBytes =
        MultiGauge.builder(HeadMetrics.PLAN_PROMPT_TOKEN)
            .description("What a link carries for one token of a prompt, by estimate")
            .baseUnit("bytes")
            .register(registry);
    roundTrip =
        MultiGauge.builder(HeadMetrics.LINK_ROUND_TRIP)
            .description("The shortest round trip when the workers were proven")
            .baseUnit("seconds")
            .register(registry);
    throughput =
        MultiGauge.builder(HeadMetrics.LINK_THROUGHPUT)
            .description("What a link carried in a second when the workers were proven")
            .baseUnit("bytes")
            .register(registry);
    tokens =
        MultiGauge.builder(HeadMetrics.PLAN_TOKEN_RATE)
            .description("Tokens in each second that the links alone would allow")
            .register(registry);
  }

  /** A plan is in force. */
  void accept(WireEstimate wire) {
    set(bytes, wire.links(), LinkLoad::bytesPerToken);
    set(promptBytes, wire.links(), LinkLoad::promptBytesPerToken);
    List<LinkLoad> measured =
        wire.links().stream().filter(link -> link.speed().measured()).toList();
    set(roundTrip, measured, link -> link.speed().roundTripMicros() / 1e6);
    set(throughput, measured, link -> link.speed().forthBytesPerSecond());
    List<MultiGauge.Row<?>> rates = new ArrayList<>();
    wire.tokensPerSecond().ifPresent(rate -> rates.add(rate("generated", rate)));
    wire.promptTokensPerSecond().ifPresent(rate -> rates.add(rate("prompt", rate)));
    tokens.register(rates, true);
  }

  private static void set(
      MultiGauge gauge, List<LinkLoad> links, ToDoubleFunction<LinkLoad> value) {
    gauge.register(
        links.stream()
            .map(
                link ->
                    MultiGauge.Row.of(
                        Tags.of("from", link.from(), "to", link.to()), value.applyAsDouble(link)))
            .toList(),
        true);
  }

  private static MultiGauge.Row<?> rate(String direction, double value) {
    return MultiGauge.Row.of(Tags.of("direction", direction), value);
  }
}
