// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** Figures as people read them: {@code 57.1Gi}, {@code 41k}; pure functions. */
final class HumanUnits {
  private static final String[] BINARY = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  private static final String[] DECIMAL = {"", "k", "M", "G", "T", "P", "E"};

  private HumanUnits() {}

  /** Bytes of memory, with three digits: 980Mi, 57.1Gi. Less than nothing is nothing. */
  static String binary(long bytes) {
    return scaled(bytes, 1024, BINARY, 3);
  }

  /** Bytes on the wire, with two digits: 41k. */
  static String decimal(long bytes) {
    return scaled(bytes, 1000, DECIMAL, 2);
  }

  /** A rate, which has been rounded before: 19, 4.2, 320. */
  static String rate(double rate) {
    return BigDecimal.valueOf(rate).stripTrailingZeros().toPlainString();
  }

  private static String scaled(long amount, int step, String[] units, int digits) {
    var value = BigDecimal.valueOf(Math.max(0, amount));
    int unit = 0;
    while (value.compareTo(BigDecimal.valueOf(step)) >= 0 && unit < units.length - 1) {
      value = value.divide(BigDecimal.valueOf(step), MathContext.DECIMAL64);
      unit++;
    }
    // Four digits before the point, as 1010Mi has, are all shown.
    int whole = value.precision() - value.scale();
    var rounded = value.round(new MathContext(Math.max(digits, whole), RoundingMode.HALF_UP));
    return rounded.stripTrailingZeros().toPlainString() + units[unit];
  }
}
