// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import java.util.List;

/**
 * A figure of every counted round, and its quartiles: between two values they lie on the straight
 * line (type 7 of Hyndman and Fan, the usual one of R and numpy). Immutable.
 *
 * @param values in the order of the rounds, at least one
 */
record Series(double median, double q1, double q3, List<Double> values) {
  static Series of(List<Double> values) {
    if (values.isEmpty()) {
      throw new IllegalArgumentException("A series needs a value");
    }
    var sorted = values.stream().sorted().toList();
    return new Series(
        quantile(sorted, 0.5), quantile(sorted, 0.25), quantile(sorted, 0.75), List.copyOf(values));
  }

  private static double quantile(List<Double> sorted, double part) {
    double at = part * (sorted.size() - 1);
    int below = (int) at;
    int above = Math.min(below + 1, sorted.size() - 1);
    return sorted.get(below) + (at - below) * (sorted.get(above) - sorted.get(below));
  }
}
