// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.route.OurWorker;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.testkit.peers.StockWorker;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whether a worker reaches the next one is tried as the router will use it. */
@Timeout(60)
class NeighbourProbeIT {
  private final ScheduledExecutorService alarms = Executors.newScheduledThreadPool(1);

  @AfterEach
  void stop() {
    alarms.shutdownNow();
  }

  private WorkerConnector connector(int port) {
    return new WorkerConnector(
        new HeadConfig.Worker("w" + port, "127.0.0.1:" + port),
        Transport.PLAIN,
        FrameMeter.NONE,
        alarms);
  }

  @Test
  void whenBothAreOurs_thenTheLinkIsMeasured() {
    try (var first = OurWorker.with("CPU");
        var second = OurWorker.with("CPU")) {
      var link = new NeighbourProbe(connector(first.port()), connector(second.port()), 0).measure();

      assertThat(link).hasValueSatisfying(speed -> assertThat(speed.measured()).isTrue());
    }
  }

  @Test
  void whenTheSecondIsAStockWorker_thenThereIsNoLink() {
    try (var first = OurWorker.with("CPU");
        var second = StockWorker.start()) {
      var link = new NeighbourProbe(connector(first.port()), connector(second.port()), 0).measure();

      assertThat(link).isEmpty();
    }
  }

  @Test
  void whenTheSecondIsNotThereAnyMore_thenThereIsNoLink() {
    try (var first = OurWorker.with("CPU")) {
      int port;
      try (var second = OurWorker.with("CPU")) {
        port = second.port();
      }
      var link = new NeighbourProbe(connector(first.port()), connector(port), 0).measure();

      assertThat(link).isEmpty();
    }
  }
}
