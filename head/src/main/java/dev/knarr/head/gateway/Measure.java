// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import dev.knarr.head.gateway.Route.Operation;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The times and tokens of one request. */
final class Measure {

  private static final int OK = 200;
  private static final int ERRORS = 400;

  private final GatewayMeters meters;
  private final Operation operation;
  private final long began = System.nanoTime();
  private String error = GatewayMeters.NO_ERROR;
  private long queuedNanos;
  private long firstToken;
  private long lastToken;
  private Usage usage = Usage.NONE;

  Measure(GatewayMeters meters, Operation operation) {
    this.meters = meters;
    this.operation = operation;
  }

  void waited(long nanos) {
    queuedNanos += nanos;
  }

  /** It is handed to llama-server for the first time. */
  void sent() {
    if (operation != Operation.OTHER) {
      meters.queued(operation, Duration.ofNanos(queuedNanos));
    }
  }

  /** An event of a stream has come. */
  void token() {
    lastToken = System.nanoTime();
    if (firstToken == 0) {
      firstToken = lastToken;
    }
  }

  void answered(int status, byte[] json) {
    if (status == OK && operation != Operation.OTHER) {
      usage = Usage.parse(json);
    }
  }

  /** What went wrong; the first word is the cause of all others. */
  void failed(String word) {
    if (error.equals(GatewayMeters.NO_ERROR)) {
      error = word;
    }
  }

  /**
   * All has been sent.
   *
   * @param stream what was passed on event by event, if it was
   */
  void finished(int status, @Nullable EventStream stream) {
    if (status >= ERRORS) {
      failed(String.valueOf(status));
    }
    if (operation == Operation.OTHER) {
      return;
    }
    Duration duration = Duration.ofNanos(System.nanoTime() - began);
    meters.finished(operation, duration, error);
    if (!error.equals(GatewayMeters.NO_ERROR)) {
      return;
    }
    if (stream != null) {
      usage = stream.usage();
    }
    if (usage.inputTokens() > 0) {
      meters.tokens(operation, "input", usage.inputTokens());
    }
    if (usage.outputTokens() > 0) {
      meters.tokens(operation, "output", usage.outputTokens());
      if (stream != null) {
        tokens(Duration.ofNanos(firstToken - began), Duration.ofNanos(lastToken - firstToken));
      } else if (usage.generation().isPositive()) {
        tokens(duration.minus(usage.generation()), usage.generation());
      }
    }
  }

  private void tokens(Duration toFirst, Duration generation) {
    meters.firstToken(operation, toFirst);
    if (usage.outputTokens() > 1) {
      meters.outputToken(operation, generation.dividedBy(usage.outputTokens() - 1));
    }
  }
}
