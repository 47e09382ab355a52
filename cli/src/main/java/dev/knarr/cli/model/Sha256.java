// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** The one hash that publishers of models agree on. */
final class Sha256 {
  private Sha256() {}

  static MessageDigest start() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256", e);
    }
  }
}
