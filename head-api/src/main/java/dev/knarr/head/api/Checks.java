// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import org.jspecify.annotations.Nullable;

/** Checks that several records share. */
final class Checks {

  private Checks() {}

  static void required(String field, @Nullable Object value) {
    if (value == null || value.equals("")) {
      throw new IllegalArgumentException(field + " is missing");
    }
  }
}
