// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import dev.knarr.operator.observe.HeadAnswer.Rates;
import java.math.BigDecimal;
import java.math.MathContext;

/** Figures as people read them; pure functions. */
final class Rounding {
  private static final MathContext TWO_DIGITS = new MathContext(2);

  private Rounding() {}

  static Rates twoDigits(Rates rates) {
    return new Rates(twoDigits(rates.prompt()), twoDigits(rates.generation()));
  }

  private static double twoDigits(double rate) {
    return Double.isFinite(rate) && rate > 0
        ? BigDecimal.valueOf(rate).round(TWO_DIGITS).doubleValue()
        : 0;
  }
}
