// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

/** Words of others as they are put into a status. */
final class Sentence {
  private static final int LONGEST = 1000;

  private Sentence() {}

  /** One line of a bearable length that ends with a full stop. */
  static String of(String words) {
    var line = words.strip().replaceAll("\\s+", " ");
    var cut = line.length() > LONGEST ? line.substring(0, LONGEST) + "…" : line;
    return cut.isEmpty() || cut.endsWith(".") || cut.endsWith("…") ? cut : cut + ".";
  }
}
