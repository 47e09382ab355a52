// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.knarr.ggml.GgmlHandles;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/**
 * Sequences of a router's commands against a real worker. Whatever they are, another client is
 * served and nothing is left of them.
 */
class RouterFuzzTest {
  private static RunningWorker worker;
  private static RawClient witness;
  private static long handles;

  @BeforeAll
  static void open() throws IOException {
    worker = RunningWorker.with("CPU");
    witness = RawClient.to(worker.port());
    assertThat(witness.sum(0, 2, 3)).isEqualTo(5);
    // Freeing a buffer has no answer; what comes behind it has.
    witness.channel().send(new RpcRequest.DeviceCount());
    witness.channel().receive(RpcResponse.DeviceCounted.class);
    handles = GgmlHandles.live();
  }

  @AfterAll
  static void close() throws IOException {
    witness.close();
    worker.close();
  }

  @FuzzTest(maxDuration = "12s")
  void anyCommandsOfARouterLeaveTheWorkerAsItWas(byte[] script) throws IOException {
    ScriptedRouter.play(script, worker.port());

    assertThat(witness.sum(0, 2, 3)).isEqualTo(5);
    await("the end of the fuzzed connection")
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(1))
        .until(
            () ->
                worker.gauge(WorkerMetrics.CONNECTIONS) == 1
                    && GgmlHandles.live() == handles
                    && worker.gauge(WorkerMetrics.GRAPHS_ARCHIVED) == 0);
  }
}
