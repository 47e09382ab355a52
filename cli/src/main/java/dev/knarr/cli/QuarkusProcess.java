// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Starts the Quarkus side of the program, for the commands that serve. Called by the main thread.
 */
final class QuarkusProcess {
  private QuarkusProcess() {}

  /**
   * Runs {@code application} until it ends and returns its exit code.
   *
   * @param role what this process is: {@code worker} or {@code head}; beans of the other part stay
   *     asleep
   */
  static int run(String role, Class<? extends QuarkusApplication> application) {
    System.setProperty("knarr.role", role);
    var exitCode = new AtomicInteger(1);
    Quarkus.run(application, (code, _) -> exitCode.set(code));
    return exitCode.get();
  }
}
