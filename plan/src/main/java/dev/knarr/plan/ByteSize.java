// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Sizes as people write them: {@code 16Gi}, {@code 512Mi}, {@code 1.5Gi}, {@code 10G}, {@code
 * 4096}. The suffixes are those of Kubernetes quantities (Ki, Mi, Gi, Ti, Pi by 1024; k, M, G, T, P
 * by 1000); a trailing {@code B} ({@code 16GiB}) is accepted.
 */
public final class ByteSize {
  private static final Pattern PATTERN =
      Pattern.compile("(\\d{1,19}(?:\\.\\d{1,9})?)\\s?(Ki|Mi|Gi|Ti|Pi|[kKMGTP])?B?");
  private static final Map<String, Long> FACTORS =
      Map.ofEntries(
          Map.entry("Ki", 1L << 10),
          Map.entry("Mi", 1L << 20),
          Map.entry("Gi", 1L << 30),
          Map.entry("Ti", 1L << 40),
          Map.entry("Pi", 1L << 50),
          Map.entry("k", 1_000L),
          Map.entry("K", 1_000L),
          Map.entry("M", 1_000_000L),
          Map.entry("G", 1_000_000_000L),
          Map.entry("T", 1_000_000_000_000L),
          Map.entry("P", 1_000_000_000_000_000L));

  private ByteSize() {}

  /**
   * Bytes of a size; a fraction of a byte is rounded up.
   *
   * @throws IllegalArgumentException when the text is no size, is negative or is over 2^63 - 1; the
   *     message is a sentence for the user
   */
  public static long parse(String text) {
    var matcher = PATTERN.matcher(text.strip());
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'%s' is not a size. Write a number with a unit, such as 16Gi, 512Mi or 10G."
              .formatted(text));
    }
    var unit = matcher.group(2);
    try {
      return new BigDecimal(matcher.group(1))
          .multiply(BigDecimal.valueOf(unit == null ? 1 : FACTORS.getOrDefault(unit, 1L)))
          .setScale(0, RoundingMode.CEILING)
          .longValueExact();
    } catch (ArithmeticException _) {
      throw new IllegalArgumentException(
          "'%s' is more than any device has. Write a size such as 16Gi.".formatted(text));
    }
  }

  /**
   * A size for people, with at most one decimal: {@code 512 B}, {@code 3.2 MiB}, {@code 57.1 GiB}.
   */
  public static String format(long bytes) {
    if (bytes < 0) {
      return "-" + format(bytes == Long.MIN_VALUE ? Long.MAX_VALUE : -bytes);
    }
    if (bytes < 1024) {
      return bytes + " B";
    }
    var units = new String[] {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = bytes;
    int unit = -1;
    do {
      value /= 1024;
      unit++;
    } while (value >= 1023.95 && unit < units.length - 1);
    return String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
  }

  /** A throughput for people, as networks count: {@code 11.8 MB/s}, {@code 1.2 GB/s}. */
  public static String formatRate(double bytesPerSecond) {
    var units = new String[] {"B/s", "kB/s", "MB/s", "GB/s", "TB/s"};
    int unit = 0;
    double value = bytesPerSecond;
    while (value >= 999.95 && unit < units.length - 1) {
      value /= 1000;
      unit++;
    }
    return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  }
}
