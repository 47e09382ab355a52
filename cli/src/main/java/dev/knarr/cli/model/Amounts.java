// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import java.time.Duration;
import java.util.Locale;

/** Amounts as a person reads them. */
public final class Amounts {
  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB"};

  private Amounts() {}

  /** {@code 4.1 MiB}: three digits at most before the point, one after it. */
  public static String bytes(long bytes) {
    double amount = bytes;
    int unit = 0;
    while (amount >= 1024 && unit < UNITS.length - 1) {
      amount /= 1024;
      unit++;
    }
    return unit == 0 ? bytes + " B" : String.format(Locale.ROOT, "%.1f %s", amount, UNITS[unit]);
  }

  /** {@code 45 s}, {@code 3 min}, {@code 2 h 5 min}. */
  public static String time(Duration duration) {
    long seconds = duration.toSeconds();
    if (seconds < 100) {
      return seconds + " s";
    }
    long minutes = (seconds + 30) / 60;
    return minutes < 100 ? minutes + " min" : minutes / 60 + " h " + minutes % 60 + " min";
  }
}
