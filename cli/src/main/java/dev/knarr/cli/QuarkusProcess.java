// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import java.security.Security;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import picocli.CommandLine.ExitCode;

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
    // A pod that comes back has another address under its name; the JDK remembers the old one for
    // 30 s.
    Security.setProperty("networkaddress.cache.ttl", "5");
    Security.setProperty("networkaddress.cache.negative.ttl", "2");
    var exitCode = new AtomicInteger(ExitCode.SOFTWARE);
    var problem = new AtomicReference<Throwable>();
    Quarkus.run(
        application,
        (code, failure) -> {
          exitCode.set(code);
          problem.set(failure);
        });
    // A failure before logging works is told by nobody else.
    Optional.ofNullable(problem.get()).ifPresent(failure -> failure.printStackTrace(System.err));
    return exitCode.get();
  }
}
