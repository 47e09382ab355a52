// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.rpc.transport.TlsFiles;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What the command line says beside the file. Immutable.
 *
 * @param port of the endpoint, instead of the file's
 * @param workers addresses of workers that already run, instead of the file's
 * @param tls the files for TLS towards these workers; plain when empty
 * @param llamaServer the program to use, and no other
 * @param threads of each worker; by default the processors are divided
 */
public record UpOptions(
    OptionalInt port,
    List<String> workers,
    Optional<TlsFiles> tls,
    Optional<Path> llamaServer,
    OptionalInt threads) {
  /** What ggml takes. */
  private static final int MOST_THREADS = 512;

  /**
   * Checks the numbers, and that TLS has somebody to talk to.
   *
   * @throws OptionException where one cannot be
   */
  public UpOptions {
    workers = List.copyOf(workers);
    if (tls.isPresent() && workers.isEmpty()) {
      throw new OptionException(
          "--tls-ca goes with --worker: workers that are started here are reached over loopback, without TLS.");
    }
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
