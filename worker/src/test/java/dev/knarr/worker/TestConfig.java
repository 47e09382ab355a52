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
    Optional<Path> tlsCert,
    Optional<Path> tlsKey,
    Optional<Path> tlsClientCa,
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
        tlsCert,
        tlsKey,
        tlsClientCa,
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
        tlsCert,
        tlsKey,
        tlsClientCa,
        announce,
        most,
        helloTimeout,
        stopTimeout);
  }

  /** With more time for a HELLO, since a handshake needs the processor. */
  public TestConfig withTls(Path certificate, Path key) {
    return new TestConfig(
        host,
        port,
        threads,
        device,
        ggmlDir,
        memoryLimit,
        Optional.of(certificate),
        Optional.of(key),
        tlsClientCa,
        announce,
        maxConnections,
        Duration.ofSeconds(4),
        stopTimeout);
  }

  public TestConfig withClientCa(Path authority) {
    return new TestConfig(
        host,
        port,
        threads,
        device,
        ggmlDir,
        memoryLimit,
        tlsCert,
        tlsKey,
        Optional.of(authority),
        announce,
        maxConnections,
        helloTimeout,
        stopTimeout);
  }
}
