// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Guesses how long the rounds will take yet, by how long they have taken: a run that was never made
 * is taken for the same endpoint's run of another model, by the size of the files. One thread.
 */
final class RoundClock {
  private final List<Path> models;
  private final List<Endpoint> endpoints;
  private final int rounds;
  private final Map<Path, Map<Endpoint, Long>> nanos = new HashMap<>();

  RoundClock(List<Path> models, List<Endpoint> endpoints, int rounds) {
    this.models = models;
    this.endpoints = endpoints;
    this.rounds = rounds;
  }

  /** A run has been made. */
  void took(Path model, Endpoint endpoint, long runNanos) {
    nanos.computeIfAbsent(model, _ -> new HashMap<>()).put(endpoint, runNanos);
  }

  /**
   * The end of a line of progress; empty until each endpoint has been measured once.
   *
   * @param round that is being made, 0 being the warm-up
   */
  String left(Path model, Endpoint endpoint, int round) {
    var known = nanos.getOrDefault(models.getFirst(), Map.of());
    if (known.size() < endpoints.size()) {
      return "";
    }
    double left = 0;
    for (int m = models.indexOf(model); m < models.size(); m++) {
      for (int e = 0; e < endpoints.size(); e++) {
        boolean now = m == models.indexOf(model);
        boolean passed = now && e < endpoints.indexOf(endpoint);
        int runs = now ? rounds + 1 - round - (passed ? 1 : 0) : rounds + 1;
        left += runs * estimate(models.get(m), endpoints.get(e));
      }
    }
    return ", about %.0f s left".formatted(left / 1e9);
  }

  private double estimate(Path model, Endpoint endpoint) {
    var own = nanos.getOrDefault(model, Map.of()).get(endpoint);
    if (own != null) {
      return own;
    }
    var first = models.getFirst();
    double size = (double) model.toFile().length() / Math.max(1, first.toFile().length());
    return size * nanos.getOrDefault(first, Map.of()).getOrDefault(endpoint, 0L);
  }
}
