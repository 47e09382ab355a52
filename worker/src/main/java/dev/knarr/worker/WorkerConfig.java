// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.ggml.NumaMode;
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

  /** Compute threads of CPU devices; by default one for each physical core. */
  OptionalInt threads();

  /** How the threads of a CPU with several memory nodes are placed; by default as they come. */
  Optional<NumaMode> numa();

  /** Names of the ggml devices to offer, in order; by default all. */
  Optional<List<String>> device();

  /** Folder of ggml's libraries; by default the system's, then Knarr's own tree. */
  Optional<Path> ggmlDir();

  /** The most memory to hand out per device, such as {@code 16Gi}; by default all it has. */
  Optional<String> memoryLimit();

  /**
   * Whether weights may be put into the layouts for which ggml has faster kernels on this CPU;
   * results then differ from the plain layout's in the last bits.
   */
  @WithDefault("true")
  boolean repack();

  /** The most memory of the worker for the compact forms of graphs that clients may name again. */
  @WithDefault("256Mi")
  String graphMemory();

  /** The most memory of each device's native graphs that nobody is computing. */
  @WithDefault("256Mi")
  String nativeGraphMemory();

  /** The most memory for the inputs of graphs that are kept for routers, of all together. */
  @WithDefault("512Mi")
  String routeMemory();

  /**
   * How long weights of a router stay in memory when its connection has ended; they count as free
   * meanwhile. 0 frees them at once.
   */
  @WithDefault("10m")
  Duration parkTime();

  /** Folder to keep large weights in, found by their hash; by default none is kept. */
  Optional<Path> cacheDir();

  /** The most the cache folder may take, such as {@code 200Gi}. */
  Optional<String> cacheSize();

  /** Local model files to find weights in by their hash. */
  Optional<List<Path>> seed();

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

  /** The most of them from one address; by default three quarters. */
  OptionalInt maxConnectionsPerAddress();

  /** How long a client may take to say HELLO. */
  @WithDefault("10s")
  Duration helloTimeout();

  /**
   * How long a client may keep the worker waiting in the middle of a message, with less than 1 MiB
   * moving; between messages it may be silent for ever.
   */
  @WithDefault("60s")
  Duration messageTimeout();

  /** How long a device may compute one graph. */
  @WithDefault("10m")
  Duration graphTimeout();

  /** How long running graphs may take to finish when the worker is stopped. */
  @WithDefault("20s")
  Duration stopTimeout();
}
