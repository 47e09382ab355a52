// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.tls;

import dev.knarr.operator.OperatorConfig;
import java.time.Duration;
import java.time.Instant;

/**
 * How long certificates live, and when the next one is due. Immutable.
 *
 * @param authority of a CA
 * @param leaf of what it signs, at most until the CA's end
 * @param propagation from a change of a Secret until every pod has read it
 */
public record Lifetimes(Duration authority, Duration leaf, Duration propagation) {
  /** Checks that all are positive, and that pods can follow. */
  public Lifetimes {
    if (!authority.isPositive() || !leaf.isPositive() || propagation.isNegative()) {
      throw new IllegalArgumentException(
          "Lifetimes of certificates must be positive (knarr.operator.tls.ca-lifetime %s, leaf-lifetime %s, propagation %s)."
              .formatted(authority, leaf, propagation));
    }
    // A change that took longer than this could arrive after the end of what it replaces.
    var longest = (leaf.compareTo(authority) < 0 ? leaf : authority).dividedBy(4);
    propagation = propagation.compareTo(longest) < 0 ? propagation : longest;
  }

  /** As the operator was set up. */
  public static Lifetimes of(OperatorConfig.Tls config) {
    return new Lifetimes(config.caLifetime(), config.leafLifetime(), config.propagation());
  }

  /** When a leaf is made anew: after two thirds. */
  Instant due(Entry known) {
    return known.made().plus(thirds(life(known.made(), known.expires(), leaf), 2));
  }

  /**
   * When a CA is followed by the next: in time for a leaf of full life, between one third and two
   * thirds of its own.
   */
  Instant dueAuthority(Entry known) {
    var made = known.made();
    var life = life(made, known.expires(), authority);
    var after = life.minus(leaf);
    if (after.compareTo(thirds(life, 2)) > 0) {
      after = thirds(life, 2);
    }
    return made.plus(after.compareTo(thirds(life, 1)) < 0 ? thirds(life, 1) : after);
  }

  /** A shorter life than that of before holds at once. */
  private static Duration life(Instant made, Instant expires, Duration wanted) {
    var life = Duration.between(made, expires);
    return life.compareTo(wanted) < 0 ? life : wanted;
  }

  private static Duration thirds(Duration life, int count) {
    return life.multipliedBy(count).dividedBy(3);
  }
}
