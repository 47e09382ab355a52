// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** A worker's configuration for tests: a free port, one compute thread, short limits. */
public record TestConfig(
    String host,
    int port,
    OptionalInt threads,
    Optional<List<String>> device,
    Optional<Path> ggmlDir,
    Optional<String> memoryLimit,
    Optional<Path> announce,
    int maxConnections,
    OptionalInt maxConnectionsPerAddress,
    Duration helloTimeout,
    Duration messageTimeout,
    Duration graphTimeout,
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
        256,
        OptionalInt.of(256),
        Duration.ofSeconds(1),
        Duration.ofSeconds(60),
        Duration.ofMinutes(10),
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
        announce,
        maxConnections,
        maxConnectionsPerAddress,
        helloTimeout,
        messageTimeout,
        graphTimeout,
        stopTimeout);
  }

  public TestConfig withMaxConnections(int most, int mostPerAddress) {
    return new TestConfig(
        host,
        port,
        threads,
        device,
        ggmlDir,
        memoryLimit,
        announce,
        most,
        OptionalInt.of(mostPerAddress),
        helloTimeout,
        messageTimeout,
        graphTimeout,
        stopTimeout);
  }

  public TestConfig withHelloTimeout(Duration hello) {
    return new TestConfig(
        host,
        port,
        threads,
        device,
        ggmlDir,
        memoryLimit,
        announce,
        maxConnections,
        maxConnectionsPerAddress,
        hello,
        messageTimeout,
        graphTimeout,
        stopTimeout);
  }

  public TestConfig withTimeouts(Duration message, Duration graph, Duration stop) {
    return new TestConfig(
        host,
        port,
        threads,
        device,
        ggmlDir,
        memoryLimit,
        announce,
        maxConnections,
        maxConnectionsPerAddress,
        helloTimeout,
        message,
        graph,
        stop);
  }
}
