// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.plan.LinkSpeed;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.testkit.peers.SlowLink;
import dev.knarr.testkit.peers.StockWorker;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a proof tells about links, over stock workers. */
class LinkProbeIT {
  private final ScheduledThreadPoolExecutor alarms = new ScheduledThreadPoolExecutor(1);

  @AfterEach
  void stopAlarms() {
    alarms.shutdownNow();
  }

  private LinkSpeed measured(String address) throws Exception {
    var connector =
        new WorkerConnector(
            new HeadConfig.Worker("cpu-0", address), Transport.PLAIN, FrameMeter.NONE, alarms);
    return new WorkerProver(connector, new ReentrantLock(), Set.of())
        .prove(Duration.ofSeconds(30), _ -> {})
        .link();
  }

  @Test
  void whenTheLinkIsLoopback_thenItIsShortAndWide() throws Exception {
    try (StockWorker worker = StockWorker.start()) {
      LinkSpeed link = measured(worker.address());

      assertThat(link.roundTripMicros()).isBetween(1.0, 20_000.0);
      assertThat(link.forthBytesPerSecond()).isGreaterThan(50e6);
      assertThat(link.backBytesPerSecond()).isGreaterThan(50e6);
    }
  }

  @Test
  void whenTheLinkIsSlow_thenBothDirectionsAreToldApart() throws Exception {
    try (StockWorker worker = StockWorker.start();
        SlowLink link = SlowLink.to(worker.address(), 4_000_000, 1_000_000)) {
      LinkSpeed speed = measured(link.address());

      // A link never carries more than it lets through, and a busy machine makes it less.
      assertThat(speed.forthBytesPerSecond()).isBetween(1_500_000.0, 6_000_000.0);
      assertThat(speed.backBytesPerSecond()).isBetween(300_000.0, 1_500_000.0);
      assertThat(link.bytesForth()).isLessThan(8L << 20);
    }
  }
}
