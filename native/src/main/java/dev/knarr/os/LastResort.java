// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import java.time.Duration;

/** The end of this process when its own way to end takes too long. */
public final class LastResort {
  private LastResort() {}

  /** Halts the process if it is still there after {@code grace}; returns at once. */
  public static void haltAfter(Duration grace, int status) {
    Thread.ofPlatform()
        .daemon()
        .name("last-resort")
        .start(
            () -> {
              try {
                Thread.sleep(grace);
              } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
              }
              Runtime.getRuntime().halt(status);
            });
  }
}
