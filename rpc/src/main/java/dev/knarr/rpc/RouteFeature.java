// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a router and our worker may agree on, each with its bit. Without one, the public commands do
 * the same with more bytes or more waiting.
 */
public enum RouteFeature {
  /** Inputs are packed, and sent as what has changed. */
  INPUTS(0),
  /** Graphs are named by content, and sent as what differs from a known one. */
  GRAPHS(1),
  /** Tensors go from worker to worker. */
  DIRECT_COPIES(2),
  /** What was read after a graph the last time is asked for with the graph. */
  READ_AHEAD(3),
  /** Weights are offered by their hash, and sent where the worker does not find them. */
  CONTENT(4),
  /** The worker keeps weights for a while when the connection has ended. */
  PARKING(5);

  private final int bit;

  RouteFeature(int position) {
    this.bit = 1 << position;
  }

  /** The name for options and metrics, for instance {@code direct-copies}. */
  public String text() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * The one with this name.
   *
   * @throws IllegalArgumentException when there is none; the message names those there are
   */
  public static RouteFeature of(String text) {
    for (RouteFeature feature : values()) {
      if (feature.text().equals(text)) {
        return feature;
      }
    }
    throw new IllegalArgumentException(
        "'%s' is no feature of the router: there are %s"
            .formatted(
                text,
                Arrays.stream(values()).map(RouteFeature::text).collect(Collectors.joining(", "))));
  }

  /** All of them. */
  public static Set<RouteFeature> all() {
    return EnumSet.allOf(RouteFeature.class);
  }

  static int bits(Set<RouteFeature> features) {
    return features.stream().mapToInt(feature -> feature.bit).sum();
  }

  /** Bits of features that this version does not know are of no account. */
  static Set<RouteFeature> of(int bits) {
    var features = EnumSet.noneOf(RouteFeature.class);
    for (RouteFeature feature : values()) {
      if ((bits & feature.bit) != 0) {
        features.add(feature);
      }
    }
    return features;
  }
}
