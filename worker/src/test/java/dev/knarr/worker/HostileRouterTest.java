// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.ggml.GgmlHandles;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a router says, the worst that happens is the end of its own connection. */
class HostileRouterTest {
  @Nested
  @TestInstance(TestInstance.Lifecycle.PER_CLASS)
  class GivenAWorkerWithAClientAndARouter {
    private RunningWorker worker;
    private RawClient witness;
    private RawRouter router;
    private long handles;

    @BeforeAll
    void open() throws IOException {
      worker = RunningWorker.with("CPU", "Vulkan0");
      witness = RawClient.to(worker.port());
      router = RawRouter.to(worker.port());
      requireAllServed();
      handles = GgmlHandles.live();
    }

    @AfterAll
    void close() throws IOException {
      router.close();
      witness.close();
      worker.close();
    }

    static Stream<RouteAttacks.RouteAttack> attacks() {
      return RouteAttacks.all();
    }

    @ParameterizedTest
    @MethodSource("attacks")
    void whenARouterIsHostile_thenItsConnectionIsClosedAndNothingElseHappens(
        RouteAttacks.RouteAttack attack) throws IOException {
      long refused = worker.count(WorkerMetrics.REJECTED, "fault", attack.fault().metricName());
      long allRefused = worker.count(WorkerMetrics.REJECTED);
      double stored = worker.gauge(WorkerMetrics.GRAPHS_STORED);

      try (var hostile = RawRouter.to(worker.port())) {
        attack.script().play(hostile);
        hostile.client().awaitClosed();
      }

      awaitConnections(worker, 2);
      assertThat(worker.count(WorkerMetrics.REJECTED, "fault", attack.fault().metricName()))
          .as("refusals because of " + attack.fault())
          .isEqualTo(refused + 1);
      assertThat(worker.count(WorkerMetrics.REJECTED)).isEqualTo(allRefused + 1);
      requireAllServed();
      assertThat(worker.gauge(WorkerMetrics.GRAPHS_STORED)).isEqualTo(stored);
      assertThat(GgmlHandles.live()).as("native handles").isEqualTo(handles);
    }

    private void requireAllServed() throws IOException {
      assertThat(witness.sum(0, 2, 3)).isEqualTo(5);
      assertThat(witness.sum(1, 2, 3)).isEqualTo(5);
      router.requireServed(0);
      router.requireServed(1);
      // Freeing a buffer has no answer; what comes behind it has.
      for (var client : List.of(witness, router.client())) {
        client.channel().send(new RpcRequest.DeviceCount());
        client.channel().receive(RpcResponse.DeviceCounted.class);
      }
    }
  }

  @Nested
  class GivenMoreRoutersThanThereIsMemoryFor {
    private static final int AT_ONCE = 200;
    private static final int IN_TURN = 2_000;

    @Test
    void whenTheyComeAtOnce_thenTheLastAreServedWithoutInputs() throws IOException {
      try (var worker =
          RunningWorker.configured(TestConfig.withDevices("CPU").with("route-memory", "256Mi"))) {
        List<RawRouter> routers = new ArrayList<>();
        try {
          for (int i = 0; i < AT_ONCE; i++) {
            routers.add(RawRouter.to(worker.port()));
          }
          assertThat(grants(routers.getFirst())).containsAll(RouteFeature.all());
          assertThat(grants(routers.getLast()))
              .contains(RouteFeature.GRAPHS)
              .doesNotContain(RouteFeature.INPUTS);
          assertThat(routers.getLast().welcome().slotBytes()).isZero();
          assertThat(routers.getLast().client().sum(0, 2, 3)).isEqualTo(5);
          routers.getFirst().requireServed(0);
        } finally {
          for (var router : routers) {
            router.close();
          }
        }
        awaitConnections(worker, 0);
        try (var next = RawRouter.to(worker.port())) {
          assertThat(grants(next)).contains(RouteFeature.INPUTS);
        }
        assertThat(worker.count(WorkerMetrics.REJECTED)).isZero();
      }
    }

    @Test
    void whenOneUsesWhatItWasNotGranted_thenItIsRefused() throws IOException {
      try (var worker =
              RunningWorker.configured(TestConfig.withDevices("CPU").with("route-memory", "1Mi"));
          var router = RawRouter.to(worker.port())) {
        assertThat(grants(router)).doesNotContain(RouteFeature.INPUTS);
        long buffer = router.client().allocate(0, 64).handle();

        byte[] steps = RawRouter.raw(new byte[4]);
        router.send(new RouteRequest.Put(buffer, 0, 4, steps.length), steps);

        router.client().awaitClosed();
        awaitConnections(worker, 0);
        assertThat(worker.count(WorkerMetrics.REJECTED, "fault", "budget_exceeded")).isOne();
      }
    }

    @Test
    void whenThousandsComeInTurn_thenEachFindsWhatTheOneBeforeHasLeft() throws IOException {
      try (var worker =
          RunningWorker.configured(TestConfig.withDevices("CPU").with("route-memory", "512Mi"))) {
        for (int i = 0; i < IN_TURN; i++) {
          try (var router = RawRouter.to(worker.port())) {
            router.granted();
          }
        }
        awaitConnections(worker, 0);
        try (var router = RawRouter.to(worker.port())) {
          router.requireServed(0);
        }
      }
    }

    private static Iterable<RouteFeature> grants(RawRouter router) {
      return router.granted().orElseThrow().features();
    }
  }

  static void awaitConnections(RunningWorker worker, int expected) {
    await("the connection's end")
        .pollInterval(Duration.ofMillis(5))
        .until(() -> worker.gauge(WorkerMetrics.CONNECTIONS) == expected);
  }
}
