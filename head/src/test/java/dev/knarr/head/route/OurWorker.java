// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.worker.Worker;
import dev.knarr.worker.WorkerConfig;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.quarkus.runtime.configuration.DurationConverter;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** A worker of this JVM on a free port, with one compute thread. */
public final class OurWorker implements AutoCloseable {
  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  private final Worker worker;

  private OurWorker(WorkerConfig config) {
    worker = Worker.open(config, registry);
  }

  /** A worker with these devices, by ggml's names. */
  public static OurWorker with(String... devices) {
    return configured(Map.of("device", String.join(",", devices)));
  }

  /** A worker with these properties, by their names after {@code knarr.worker.}. */
  public static OurWorker configured(Map<String, String> properties) {
    var all = new HashMap<String, String>();
    all.put("knarr.worker.port", "0");
    all.put("knarr.worker.threads", "1");
    all.put("knarr.worker.device", "CPU");
    all.put("knarr.worker.max-connections-per-address", "256");
    properties.forEach((name, value) -> all.put("knarr.worker." + name, value));
    return new OurWorker(
        new SmallRyeConfigBuilder()
            .withMapping(WorkerConfig.class)
            .withConverter(Duration.class, 200, new DurationConverter())
            .withSources(new PropertiesConfigSource(all, "test", 100))
            .build()
            .getConfigMapping(WorkerConfig.class));
  }

  public int port() {
    return worker.address().getPort();
  }

  int devices() {
    return worker.devices().size();
  }

  /** The sum of a counter over its tags that contain all of {@code tags}. */
  long count(String meter, String... tags) {
    return Math.round(
        registry.find(meter).tags(tags).counters().stream().mapToDouble(Counter::count).sum());
  }

  /** The sum of a gauge over its tags. */
  double gauge(String meter) {
    return registry.find(meter).gauges().stream().mapToDouble(Gauge::value).sum();
  }

  /** Bytes of buffers that its devices hold. */
  long allocatedBytes() {
    return worker.devices().stream().mapToLong(device -> device.allocatedBytes()).sum();
  }

  @Override
  public void close() {
    worker.close();
  }
}
