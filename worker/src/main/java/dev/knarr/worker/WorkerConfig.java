// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What a worker is started with: the options of {@code knarr worker}, each also an environment
 * variable ({@code KNARR_WORKER_PORT}) and a property of {@code application.properties} ({@code
 * knarr.worker.port}).
 */
@ConfigMapping(prefix = "knarr.worker")
public interface WorkerConfig {
  /** Address to listen on: loopback unless told otherwise, since without TLS anybody is served. */
  @WithDefault("127.0.0.1")
  String host();

  /** RPC port; 0 takes any free one. */
  @WithDefault("50052")
  int port();

  /** Compute threads of CPU devices; by default the number of processors. */
  OptionalInt threads();

  /** Names of the ggml devices to offer, in order; by default all. */
  Optional<List<String>> device();

  /** Folder of ggml's libraries; by default the system's, then Knarr's own tree. */
  Optional<Path> ggmlDir();

  /** The most memory to hand out per device, such as {@code 16Gi}; by default all it has. */
  Optional<String> memoryLimit();

  /** Our certificate and what leads from it to its CA, in PEM; with it the RPC port speaks TLS. */
  Optional<Path> tlsCert();

  /** The key of our certificate, in PEM. */
  Optional<Path> tlsKey();

  /** The CAs of clients, in PEM: a client without a certificate of theirs is refused. */
  Optional<Path> tlsClientCa();

  /** File to write the opened ports to, as JSON. */
  Optional<Path> announce();

  /** The most clients at once. */
  @WithDefault("256")
  int maxConnections();

  /** How long a client may take to say HELLO. */
  @WithDefault("10s")
  Duration helloTimeout();

  /** How long running graphs may take to finish when the worker is stopped. */
  @WithDefault("20s")
  Duration stopTimeout();
}
