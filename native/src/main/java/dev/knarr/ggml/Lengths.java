// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

/** The arrays that describe a tensor have fixed lengths. */
final class Lengths {
  private Lengths() {}

  static void check(String what, int length, int expected) {
    if (length != expected) {
      throw new IllegalArgumentException(
          what + " has " + length + " entries instead of " + expected);
    }
  }
}
