// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import io.quarkus.runtime.configuration.DurationConverter;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A worker's configuration for tests, read as the program reads its own: a free port, one compute
 * thread, short limits, and what a test says otherwise.
 */
public final class TestConfig {
  private static final String PREFIX = "knarr.worker.";

  private final Map<String, String> properties;

  private TestConfig(Map<String, String> properties) {
    this.properties = Map.copyOf(properties);
  }

  /** With the devices of these names; all if there are none. */
  public static TestConfig withDevices(String... names) {
    var config =
        new TestConfig(Map.of())
            .with("port", 0)
            .with("threads", 1)
            .with("graph-memory", "16Mi")
            .with("native-graph-memory", "16Mi")
            .with("max-connections-per-address", 256)
            .with("hello-timeout", "1s")
            .with("stop-timeout", "10s");
    return names.length == 0 ? config : config.with("device", String.join(",", names));
  }

  /** With one property, by its name after {@code knarr.worker.}. */
  public TestConfig with(String name, Object value) {
    var all = new HashMap<>(properties);
    all.put(PREFIX + name, value.toString());
    return new TestConfig(all);
  }

  public TestConfig withMemoryLimit(String limit) {
    return with("memory-limit", limit);
  }

  public TestConfig withoutRepack() {
    return with("repack", false);
  }

  /** With so much memory for compact and for native graphs. */
  public TestConfig withGraphMemory(String compact, String ofDevice) {
    return with("graph-memory", compact).with("native-graph-memory", ofDevice);
  }

  /** With a cache folder, unlimited where {@code size} is null, and seeds. */
  public TestConfig withCache(@Nullable Path folder, @Nullable String size, Path... seeds) {
    var config = this;
    if (folder != null) {
      config = config.with("cache-dir", folder);
    }
    if (size != null) {
      config = config.with("cache-size", size);
    }
    if (seeds.length > 0) {
      var list = Arrays.stream(seeds).map(Path::toString).collect(Collectors.joining(","));
      config = config.with("seed", list);
    }
    return config;
  }

  public TestConfig withMaxConnections(int most, int mostPerAddress) {
    return with("max-connections", most).with("max-connections-per-address", mostPerAddress);
  }

  public TestConfig withHelloTimeout(Duration hello) {
    return with("hello-timeout", hello);
  }

  public TestConfig withTimeouts(Duration message, Duration graph, Duration stop) {
    return with("message-timeout", message).with("graph-timeout", graph).with("stop-timeout", stop);
  }

  /** With more time for a HELLO, since a handshake needs the processor. */
  public TestConfig withTls(Path certificate, Path key) {
    return with("tls-cert", certificate).with("tls-key", key).with("hello-timeout", "4s");
  }

  public TestConfig withClientCa(Path authority) {
    return with("tls-client-ca", authority);
  }

  /** As the worker takes it. */
  public WorkerConfig toConfig() {
    return new SmallRyeConfigBuilder()
        .withMapping(WorkerConfig.class)
        .withConverter(Duration.class, 200, new DurationConverter())
        .withSources(new PropertiesConfigSource(properties, "test", 100))
        .build()
        .getConfigMapping(WorkerConfig.class);
  }
}
