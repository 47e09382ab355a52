// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

/** Names of tensors come from the peer and go into logs. */
final class Names {
  private Names() {}

  /** The name on one line, without anything a terminal obeys. */
  static String printable(String name) {
    return name.replaceAll("[^\\x20-\\x7e]", "?");
  }
}
