// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.rpc.RouteFeature;
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
 * @param routerFeatures what the router may agree on with workers; everything when empty, nothing
 *     where it holds only {@value #NO_FEATURE}
 */
public record UpOptions(
    OptionalInt port,
    List<String> workers,
    Optional<TlsFiles> tls,
    Optional<Path> llamaServer,
    OptionalInt threads,
    List<String> routerFeatures) {
  private static final String NO_FEATURE = "none";

  /** What ggml takes. */
  private static final int MOST_THREADS = 512;

  /**
   * Checks the numbers, and that TLS has somebody to talk to.
   *
   * @throws OptionException where one cannot be
   */
  public UpOptions {
    workers = List.copyOf(workers);
    routerFeatures = List.copyOf(routerFeatures);
    if (!routerFeatures.equals(List.of(NO_FEATURE))) {
      routerFeatures.forEach(UpOptions::requireFeature);
    }
    if (tls.isPresent() && workers.isEmpty()) {
      throw new OptionException(
          "--tls-ca goes with --worker: workers that are started here are reached over loopback, without TLS.");
    }
    requireWithin("--port", port, 0, 65535);
    requireWithin("--threads", threads, 1, MOST_THREADS);
  }

  private static void requireFeature(String name) {
    try {
      RouteFeature.of(name);
    } catch (IllegalArgumentException e) {
      throw new OptionException("--router-feature: %s, and none.".formatted(e.getMessage()));
    }
  }

  /** The split of the file, with what the router may do for it. */
  HeadConfig.Split routed(HeadConfig.Split split) {
    return routerFeatures.isEmpty()
        ? split
        : new HeadConfig.Split(
            split.mode(),
            split.devices(),
            routerFeatures.stream().filter(name -> !name.equals(NO_FEATURE)).toList(),
            split.output());
  }

  private static void requireWithin(String option, OptionalInt value, int least, int most) {
    if (value.isPresent() && (value.getAsInt() < least || value.getAsInt() > most)) {
      throw new OptionException(
          "%s is %d: give %d to %d.".formatted(option, value.getAsInt(), least, most));
    }
  }
}
