// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import dev.knarr.head.HeadMetrics;
import dev.knarr.head.gateway.Route.Operation;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.Supplier;

/**
 * Counts and times requests. Names, attributes and buckets are those of OpenTelemetry's semantic
 * conventions for generative AI where it has some ({@code docs/gen-ai/gen-ai-metrics.md}).
 */
final class GatewayMeters {

  /** Where nothing went wrong: Prometheus wants the same labels always. */
  static final String NO_ERROR = "none";

  private static final String PROVIDER = "llama.cpp";

  private static final Duration[] REQUEST_BUCKETS =
      seconds(
          0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92);
  private static final Duration[] FIRST_TOKEN_BUCKETS =
      seconds(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10);
  private static final Duration[] OUTPUT_TOKEN_BUCKETS =
      seconds(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5);
  private static final double[] TOKEN_BUCKETS = {
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864
  };

  /** Ours: the convention has none, and requests may wait for minutes. */
  private static final Duration[] QUEUE_BUCKETS =
      seconds(0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320);

  private final MeterRegistry registry;
  private final String model;

  GatewayMeters(MeterRegistry registry, String model) {
    this.registry = registry;
    this.model = model;
  }

  void watch(Supplier<Number> waiting, Supplier<Number> keptBytes) {
    Gauge.builder(HeadMetrics.REQUESTS, waiting)
        .tag("state", "waiting")
        .description("Requests that wait for a llama-server that serves")
        .register(registry);
    Gauge.builder(HeadMetrics.KEPT, keptBytes)
        .baseUnit("bytes")
        .description("Memory of requests and answers that are kept whole")
        .register(registry);
  }

  void finished(Operation operation, Duration duration, String error) {
    timer(HeadMetrics.REQUEST_DURATION, "Time from a request to the end of its answer")
        .tags(tags(operation))
        .tag("error.type", error)
        .serviceLevelObjectives(REQUEST_BUCKETS)
        .register(registry)
        .record(duration);
  }

  void firstToken(Operation operation, Duration duration) {
    timer(HeadMetrics.TIME_TO_FIRST_TOKEN, "Time from a request to its first token")
        .tags(tags(operation))
        .serviceLevelObjectives(FIRST_TOKEN_BUCKETS)
        .register(registry)
        .record(duration);
  }

  void outputToken(Operation operation, Duration duration) {
    timer(HeadMetrics.TIME_PER_OUTPUT_TOKEN, "Time between two tokens, the mean of a request")
        .tags(tags(operation))
        .serviceLevelObjectives(OUTPUT_TOKEN_BUCKETS)
        .register(registry)
        .record(duration);
  }

  void tokens(Operation operation, String type, long count) {
    DistributionSummary.builder(HeadMetrics.TOKEN_USAGE)
        .description("Tokens of a request")
        .tags(tags(operation))
        .tag("gen_ai.token.type", type)
        .serviceLevelObjectives(TOKEN_BUCKETS)
        .register(registry)
        .record((double) count);
  }

  void queued(Operation operation, Duration duration) {
    timer(HeadMetrics.QUEUE_DURATION, "Time a request waited for a llama-server that serves")
        .tag("gen_ai.operation.name", operation.text())
        .serviceLevelObjectives(QUEUE_BUCKETS)
        .register(registry)
        .record(duration);
  }

  void rerun(String reason) {
    count(HeadMetrics.RERUNS, "Requests run again since llama-server ended", "reason", reason);
  }

  void refused(String reason) {
    count(HeadMetrics.REFUSED, "Requests answered with an error by the gateway", "reason", reason);
  }

  private void count(String name, String description, String tag, String value) {
    Counter.builder(name).description(description).tag(tag, value).register(registry).increment();
  }

  private Tags tags(Operation operation) {
    return Tags.of(
        "gen_ai.operation.name",
        operation.text(),
        "gen_ai.provider.name",
        PROVIDER,
        "gen_ai.request.model",
        model);
  }

  private static Timer.Builder timer(String name, String description) {
    return Timer.builder(name).description(description);
  }

  private static Duration[] seconds(double... values) {
    return Arrays.stream(values)
        .mapToObj(value -> Duration.ofNanos(Math.round(value * 1e9)))
        .toArray(Duration[]::new);
  }
}
