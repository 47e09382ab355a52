// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What the command line says beside the file. Immutable.
 *
 * @param port of the endpoint, instead of the file's
 * @param workers addresses of workers that already run, instead of the file's
 * @param llamaServer the program to use, and no other
 * @param threads of each worker; by default the processors are divided
 */
public record UpOptions(
    OptionalInt port, List<String> workers, Optional<Path> llamaServer, OptionalInt threads) {
  /** What ggml takes. */
  private static final int MOST_THREADS = 512;

  /**
   * Checks the numbers.
   *
   * @throws OptionException where one cannot be
   */
  public UpOptions {
    workers = List.copyOf(workers);
    requireWithin("--port", port, 0, 65535);
    requireWithin("--threads", threads, 1, MOST_THREADS);
  }

  private static void requireWithin(String option, OptionalInt value, int least, int most) {
    if (value.isPresent() && (value.getAsInt() < least || value.getAsInt() > most)) {
      throw new OptionException(
          "%s is %d: give %d to %d.".formatted(option, value.getAsInt(), least, most));
    }
  }
}
