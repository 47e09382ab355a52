// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcCommand;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Messages that are held in memory share a budget, however many clients send them. */
class LargeGraphsTest {
  private static final int CLIENTS = 32;
  private static final int HUGE_BYTES = 100 << 20;
  private static final int LARGEST_BYTES = 76 << 20;

  /** Together three gigabytes, several times the heap of this test. */
  @Test
  void whenManyClientsSendHugeGraphsAtOnce_thenEachIsRefusedAndAnHonestClientWorksOn()
      throws Exception {
    byte[] huge = Frames.announcing(RpcCommand.GRAPH_COMPUTE.code(), HUGE_BYTES, new byte[1 << 20]);
    // Its counts say 0 nodes, which is found only when all of it has come.
    byte[] largest =
        Frames.announcing(RpcCommand.GRAPH_COMPUTE.code(), LARGEST_BYTES, new byte[LARGEST_BYTES]);
    try (var worker = RunningWorker.with("CPU");
        var honest = RawClient.to(worker.port());
        var senders = Executors.newVirtualThreadPerTaskExecutor()) {
      var sent = new ArrayList<Future<?>>();
      for (int i = 0; i < CLIENTS; i++) {
        sent.add(senders.submit(sending(worker, largest)));
        sent.add(senders.submit(sending(worker, huge)));
      }

      int served = 0;
      while (!sent.stream().allMatch(Future::isDone)) {
        assertThat(honest.sum(0, 2, 3)).isEqualTo(5);
        served++;
      }

      for (var future : sent) {
        future.get();
      }
      assertThat(served).isPositive();
      await("the end of all connections but one")
          .pollInterval(Duration.ofMillis(5))
          .until(() -> worker.gauge(WorkerMetrics.CONNECTIONS) == 1);
      assertThat(refused(worker, ProtocolFault.FRAME_TOO_LARGE)).isEqualTo(CLIENTS);
      assertThat(refused(worker, ProtocolFault.BAD_GRAPH)).isEqualTo(CLIENTS);
      assertThat(worker.gauge(WorkerMetrics.MESSAGES_MEMORY)).isZero();
    }
  }

  private static Callable<Void> sending(RunningWorker worker, byte[] frame) {
    return () -> {
      try (var client = RawClient.to(worker.port())) {
        try {
          client.sendBytes(frame);
        } catch (IOException e) {
          // Closed before it had sent all.
        }
        client.awaitClosed();
      }
      return null;
    };
  }

  private static long refused(RunningWorker worker, ProtocolFault fault) {
    return worker.count(WorkerMetrics.REJECTED, "fault", fault.metricName());
  }
}
