// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Map;

/**
 * The tie of a Java child to whoever started it: standard input is a pipe that nobody writes to,
 * and that the kernel closes when the parent ends, however it ends. Switched on by {@value
 * #ENVIRONMENT}{@code =1} in the child's environment.
 */
public final class ParentPipe {
  /** The environment variable that says standard input is such a pipe. */
  public static final String ENVIRONMENT = "KNARR_PARENT_PIPE";

  private ParentPipe() {}

  /**
   * Where the environment asks for it, runs {@code whenClosed} once the parent has ended, on a
   * thread of its own, and halts this process if it is still there {@code grace} later.
   *
   * @return whether the environment asked for it
   */
  public static boolean follow(Runnable whenClosed, Duration grace) {
    return follow(System.getenv(), System.in, whenClosed, grace);
  }

  static boolean follow(
      Map<String, String> environment, InputStream input, Runnable whenClosed, Duration grace) {
    if (!"1".equals(environment.get(ENVIRONMENT))) {
      return false;
    }
    Thread.ofPlatform()
        .daemon()
        .name("parent-pipe")
        .start(
            () -> {
              awaitEnd(input);
              LastResort.haltAfter(grace, 1);
              whenClosed.run();
            });
    return true;
  }

  private static void awaitEnd(InputStream input) {
    try {
      byte[] ignored = new byte[256];
      while (input.read(ignored) >= 0) {
        // What the parent writes has no meaning; only the end has.
      }
    } catch (IOException _) {
      // A pipe that cannot be read is as good as closed.
    }
  }
}
