// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.HeadMetrics;
import dev.knarr.head.api.HeadStatus.Rates;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What llama-server says at its {@code /metrics}, under our names. Its totals begin at zero with
 * every start; ours go on. Any thread.
 */
final class LlamaServerMetrics {

  private static final String PROMPT_TOKENS = "llamacpp:prompt_tokens_total";
  private static final String PROMPT_SECONDS = "llamacpp:prompt_seconds_total";
  private static final String GENERATED_TOKENS = "llamacpp:tokens_predicted_total";
  private static final String GENERATED_SECONDS = "llamacpp:tokens_predicted_seconds_total";
  private static final String PROCESSING = "llamacpp:requests_processing";
  private static final String DEFERRED = "llamacpp:requests_deferred";

  private final Total prompt;
  private final Total generated;
  private volatile double processing;
  private volatile double deferred;

  LlamaServerMetrics(MeterRegistry registry) {
    prompt = new Total(registry, "prompt");
    generated = new Total(registry, "generated");
    Gauge.builder(HeadMetrics.REQUESTS, this, m -> m.processing)
        .tag("state", "processing")
        .description("Requests llama-server works on")
        .register(registry);
    Gauge.builder(HeadMetrics.REQUESTS, this, m -> m.deferred)
        .tag("state", "deferred")
        .description("Requests that wait for a free sequence in llama-server")
        .register(registry);
  }

  /** Takes over one page of llama-server's {@code /metrics}. */
  synchronized void accept(String page) {
    Map<String, Double> values = parse(page);
    prompt.advance(values.getOrDefault(PROMPT_TOKENS, 0.0), values.get(PROMPT_SECONDS));
    generated.advance(values.getOrDefault(GENERATED_TOKENS, 0.0), values.get(GENERATED_SECONDS));
    processing = values.getOrDefault(PROCESSING, 0.0);
    deferred = values.getOrDefault(DEFERRED, 0.0);
  }

  /** A new llama-server counts from zero. */
  synchronized void restarted() {
    prompt.restarted();
    generated.restarted();
    processing = 0;
    deferred = 0;
  }

  Rates rates() {
    return new Rates(prompt.lastRate, generated.lastRate);
  }

  /** Reads the lines {@code name value}; comments and labels are not needed here. */
  static Map<String, Double> parse(String page) {
    Map<String, Double> values = new HashMap<>();
    page.lines()
        .filter(line -> !line.startsWith("#"))
        .forEach(
            line -> {
              int space = line.lastIndexOf(' ');
              if (space > 0) {
                try {
                  values.put(line.substring(0, space), Double.valueOf(line.substring(space + 1)));
                } catch (NumberFormatException _) {
                  // Not a sample: a line we do not know is none of our business.
                }
              }
            });
    return values;
  }

  /** One running total of tokens and the time they took. */
  private static final class Total {

    private final Counter counter;
    private double tokens;
    private double seconds;
    private volatile double rateNow;
    private volatile double lastRate;

    Total(MeterRegistry registry, String direction) {
      counter =
          Counter.builder(HeadMetrics.TOKENS)
              .tag("direction", direction)
              .description("Tokens llama-server has processed")
              .register(registry);
      Gauge.builder(HeadMetrics.TOKEN_RATE, this, t -> t.rateNow)
          .tag("direction", direction)
          .description("Tokens in each second of work, 0 when idle")
          .register(registry);
    }

    void advance(double newTokens, @Nullable Double newSeconds) {
      double more = newTokens - tokens;
      double time = newSeconds == null ? 0 : newSeconds - seconds;
      if (more > 0) {
        counter.increment(more);
      }
      rateNow = more > 0 && time > 0 ? more / time : 0;
      if (rateNow > 0) {
        lastRate = rateNow;
      }
      tokens = newTokens;
      seconds = newSeconds == null ? 0 : newSeconds;
    }

    void restarted() {
      tokens = 0;
      seconds = 0;
      rateNow = 0;
    }
  }
}
