// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.plan.ByteSize;
import dev.knarr.plan.LinkSpeed;
import dev.knarr.plan.WireStop;
import dev.knarr.plan.WireWorker;
import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a plan without a head takes for the speed of all links: of head and workers, and between
 * workers. Immutable.
 */
public final class AssumedLinks {
  private static final Pattern RATE =
      Pattern.compile("(\\d{1,6}(?:\\.\\d{1,3})?)\\s?([kKMGT])b(?:it(?:/s)?|ps)");
  private static final Map<String, Double> FACTORS =
      Map.of("k", 1e3, "K", 1e3, "M", 1e6, "G", 1e9, "T", 1e12);

  private static final double NETWORK_BITS = 1e9;
  private static final double NETWORK_ROUND_TRIP_MILLIS = 0.3;
  private static final double LOOPBACK_BITS = 16e9;
  private static final double LOOPBACK_ROUND_TRIP_MILLIS = 0.05;

  private final Optional<Double> bitsPerSecond;
  private final OptionalDouble roundTripMillis;
  private final boolean here;

  private AssumedLinks(
      Optional<Double> bitsPerSecond, OptionalDouble roundTripMillis, boolean here) {
    this.bitsPerSecond = bitsPerSecond;
    this.roundTripMillis = roundTripMillis;
    this.here = here;
  }

  /**
   * Links as the user says.
   *
   * @param rate such as {@code 1Gbit}; null for that of an ordinary network
   * @param roundTripMillis 0 or more; null for that of an ordinary network
   * @throws IllegalArgumentException when one is no rate or no time, as a sentence for the user
   */
  public static AssumedLinks of(@Nullable String rate, @Nullable Double roundTripMillis) {
    if (roundTripMillis != null && !(roundTripMillis >= 0 && roundTripMillis <= 60_000)) {
      throw new IllegalArgumentException(
          "A round trip of %s ms is not possible. Give 0 to 60000 milliseconds."
              .formatted(roundTripMillis));
    }
    return new AssumedLinks(
        rate == null ? Optional.empty() : Optional.of(bits(rate)),
        roundTripMillis == null ? OptionalDouble.empty() : OptionalDouble.of(roundTripMillis),
        false);
  }

  private static double bits(String rate) {
    var matcher = RATE.matcher(rate.strip());
    double bits =
        matcher.matches()
            ? new BigDecimal(matcher.group(1)).doubleValue()
                * FACTORS.getOrDefault(matcher.group(2), 1.0)
            : 0;
    if (bits <= 0) {
      throw new IllegalArgumentException(
          "'%s' is no rate of a link. Write bits per second such as 100Mbit, 1Gbit or 25Gbit."
              .formatted(rate));
    }
    return bits;
  }

  /** The same for workers on this machine, where the user says nothing else. */
  AssumedLinks onThisMachine() {
    return new AssumedLinks(bitsPerSecond, roundTripMillis, true);
  }

  private LinkSpeed speed() {
    double bytes = bitsPerSecond.orElse(here ? LOOPBACK_BITS : NETWORK_BITS) / 8;
    return new LinkSpeed(millis() * 1000, bytes, bytes);
  }

  private double millis() {
    return roundTripMillis.orElse(here ? LOOPBACK_ROUND_TRIP_MILLIS : NETWORK_ROUND_TRIP_MILLIS);
  }

  /** The workers on a token's way, each of which reaches all others. */
  List<WireWorker> workers(List<WireStop> stops) {
    var names =
        stops.stream()
            .map(WireStop::worker)
            .filter(name -> !name.equals(WireStop.HEAD))
            .distinct()
            .toList();
    var speed = speed();
    return names.stream()
        .map(
            name ->
                new WireWorker(
                    name,
                    true,
                    speed,
                    names.stream()
                        .filter(other -> !other.equals(name))
                        .collect(Collectors.toMap(Function.identity(), _ -> speed))))
        .toList();
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "assumed to carry %s with a round trip of %s ms",
        ByteSize.formatRate(speed().forthBytesPerSecond()),
        BigDecimal.valueOf(millis()).stripTrailingZeros().toPlainString());
  }
}
