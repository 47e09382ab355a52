// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.ggml.GgmlHandles;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

/** A worker of this JVM on a free port, with one compute thread. */
public final class RunningWorker implements AutoCloseable {
  /** Handles are counted for the whole JVM: the last worker to close answers for all. */
  private static int open;

  private static long handlesBefore;

  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  private final Worker worker;

  private RunningWorker(TestConfig config) {
    worker = open(config.toConfig(), registry);
  }

  private static synchronized Worker open(WorkerConfig config, SimpleMeterRegistry registry) {
    if (open == 0) {
      handlesBefore = GgmlHandles.live();
    }
    var worker = Worker.open(config, registry);
    open++;
    return worker;
  }

  /** A worker with these devices, by ggml's names; all there are if none is named. */
  public static RunningWorker with(String... devices) {
    return new RunningWorker(TestConfig.withDevices(devices));
  }

  /** A worker with this configuration. */
  public static RunningWorker configured(TestConfig config) {
    return new RunningWorker(config);
  }

  public Worker worker() {
    return worker;
  }

  public int port() {
    return worker.address().getPort();
  }

  /** {@code host:port} for a client's command line. */
  public String endpoint() {
    return "127.0.0.1:" + port();
  }

  /** The sum of a meter's values over its tags that contain all of {@code tags}. */
  public long count(String meter, String... tags) {
    var search = registry.find(meter).tags(tags);
    double counted = search.counters().stream().mapToDouble(counter -> counter.count()).sum();
    double asked = search.functionCounters().stream().mapToDouble(counter -> counter.count()).sum();
    return Math.round(counted + asked);
  }

  public double gauge(String meter, String... tags) {
    return registry.find(meter).tags(tags).gauges().stream()
        .mapToDouble(gauge -> gauge.value())
        .sum();
  }

  /** Stops the worker and demands that nothing is left of it. */
  @Override
  public void close() {
    worker.close();
    boolean last;
    synchronized (RunningWorker.class) {
      // Before any assertion: a failed one must not stop the count for all tests to come.
      last = --open == 0;
    }
    assertThat(worker.devices()).allMatch(device -> device.allocatedBytes() == 0);
    if (last) {
      assertThat(GgmlHandles.live()).as("native handles left").isEqualTo(handlesBefore);
    }
  }
}
