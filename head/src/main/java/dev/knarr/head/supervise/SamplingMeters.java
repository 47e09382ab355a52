// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.HeadMetrics;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;

/**
 * Tells from what llama-server reads where tokens were chosen: by the names that llama.cpp 0.7.0
 * gives to results. Any thread.
 */
final class SamplingMeters {

  private final Counter graph;
  private final Counter logits;
  private final Counter head;

  SamplingMeters(MeterRegistry registry) {
    graph = counter(registry, "graph");
    logits = counter(registry, "logits");
    head = counter(registry, "head");
  }

  private static Counter counter(MeterRegistry registry, String mode) {
    return Counter.builder(HeadMetrics.SAMPLING)
        .tag("mode", mode)
        .description("Tokens by where they were chosen")
        .baseUnit("tokens")
        .register(registry);
  }

  /**
   * A tensor was read.
   *
   * @param worker of whom
   * @param tensor its name
   * @param rows how many rows it has
   */
  void read(String worker, String tensor, long rows) {
    // What the worker beside the head has computed does not cross the network, whatever it is.
    boolean beside = worker.equals(OutputWorker.NAME);
    if (tensor.endsWith("_sampled_token")) {
      (beside ? head : graph).increment();
    } else if (tensor.equals("result_output")) {
      (beside ? head : logits).increment((double) rows);
    } else if (tensor.startsWith("logits_seq_")) {
      (beside ? head : logits).increment();
    }
  }
}
