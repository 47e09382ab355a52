// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** A worker's configuration for tests: a free port, one compute thread, short limits. */
public record TestConfig(
    String host,
    int port,
    OptionalInt threads,
    Optional<List<String>> device,
    Optional<Path> ggmlDir,
    Optional<String> memoryLimit,
    Optional<Path> cacheDir,
    Optional<String> cacheSize,
    Optional<List<Path>> seed,
    Optional<Path> announce,
    int maxConnections,
    Duration helloTimeout,
    Duration stopTimeout)
    implements WorkerConfig {
  /** With the devices of these names; all if there are none. */
  public static TestConfig withDevices(String... names) {
    return new TestConfig(
        "127.0.0.1",
        0,
        OptionalInt.of(1),
        names.length == 0 ? Optional.empty() : Optional.of(List.of(names)),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        256,
        Duration.ofSeconds(1),
        Duration.ofSeconds(10));
  }

  public TestConfig withMemoryLimit(String limit) {
    return new TestConfig(
        host,
        port,
        threads,
        device,
        ggmlDir,
        Optional.of(limit),
        cacheDir,
        cacheSize,
        seed,
        announce,
        maxConnections,
        helloTimeout,
        stopTimeout);
  }

  public TestConfig withMaxConnections(int most) {
    return new TestConfig(
        host,
        port,
        threads,
        device,
        ggmlDir,
        memoryLimit,
        cacheDir,
        cacheSize,
        seed,
        announce,
        most,
        helloTimeout,
        stopTimeout);
  }

  /** With a cache folder, unlimited where {@code size} is null, and seeds. */
  public TestConfig withCache(@Nullable Path folder, @Nullable String size, Path... seeds) {
    return new TestConfig(
        host,
        port,
        threads,
        device,
        ggmlDir,
        memoryLimit,
        Optional.ofNullable(folder),
        Optional.ofNullable(size),
        Optional.of(List.of(seeds)),
        announce,
        maxConnections,
        helloTimeout,
        stopTimeout);
  }
}
