// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.rpc.transport.TlsFiles;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How to speak to workers that already run; the same for every command that does. */
final class WorkerTlsOptions {
  @Option(
      names = "--tls-ca",
      paramLabel = "FILE",
      description =
          "The CA of the workers' certificates (PEM), to speak TLS to them. 'knarr certs' makes one.")
  private @Nullable Path authority;

  @Option(
      names = "--tls-cert",
      paramLabel = "FILE",
      description = "The certificate (PEM) to show to workers that want one.")
  private @Nullable Path certificate;

  @Option(
      names = "--tls-key",
      paramLabel = "FILE",
      description = "The key of this certificate (PEM, not encrypted).")
  private @Nullable Path key;

  WorkerTlsOptions() {}

  /** The files with their whole paths; empty without {@code --tls-ca}. */
  Optional<TlsFiles> files() {
    if (authority == null) {
      if (certificate != null || key != null) {
        throw CommandFailure.usage(
            "--tls-cert and --tls-key go with --tls-ca: name the CA of the workers, too.");
      }
      return Optional.empty();
    }
    try {
      return Optional.of(
          new TlsFiles(absolute(certificate), absolute(key), authority.toAbsolutePath()));
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage(e.getMessage() + ".");
    }
  }

  private static @Nullable Path absolute(@Nullable Path path) {
    return path == null ? null : path.toAbsolutePath();
  }
}
