// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import dev.knarr.testkit.peers.DemoModel;
import dev.knarr.testkit.peers.StockLlamaServer;
import dev.knarr.worker.server.ConnectionReport;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Stock programs in a crowd, with models of several types, on one worker. */
class CrowdIT {
  private static final int CLIENTS = 32;

  /** More of them beginning at once would only wait for each other. */
  private static final int STARTING = 4;

  private static final List<String> TYPES =
      List.of("Q8_0", "Q4_0", "Q5_0", "Q5_1", "Q4_1", "Q4_K_M", "Q6_K", "IQ4_NL");

  private final DemoModel.Prompt prompt = DemoModel.surePrompts().getFirst();

  @Test
  void whenManyClientsComputeAtOnce_thenEachGetsItsModelsAnswerAndItsShareIsShown()
      throws Exception {
    var alone = new HashMap<String, String>();
    // So many programs at once keep a small machine from anything else for seconds.
    var patient = TestConfig.withDevices("CPU").withHelloTimeout(Duration.ofMinutes(1));
    Queue<StockLlamaServer> started = new ConcurrentLinkedQueue<>();
    try (var worker = RunningWorker.configured(patient);
        var asking = Executors.newFixedThreadPool(CLIENTS)) {
      try {
        for (var type : TYPES) {
          try (var server = serve(worker, type)) {
            alone.put(type, DemoModel.ask(server, prompt));
          }
        }
        var servers = startAll(worker, started);

        var answers = new ArrayList<Future<String>>();
        servers.forEach(server -> answers.add(asking.submit(() -> DemoModel.ask(server, prompt))));

        for (int i = 0; i < CLIENTS; i++) {
          assertThat(answers.get(i).get())
              .as("client %d with %s", i, type(i))
              .isEqualTo(alone.get(type(i)));
        }
        requireShares(worker.worker().connections());
        assertThat(worker.count(WorkerMetrics.REJECTED)).isZero();
      } finally {
        started.forEach(StockLlamaServer::close);
      }
      await("the end of all connections")
          .atMost(Duration.ofSeconds(30))
          .until(() -> worker.gauge(WorkerMetrics.CONNECTIONS) == 0);
      assertThat(worker.gauge(WorkerMetrics.BUFFERS)).isZero();
    }
  }

  private static String type(int client) {
    return TYPES.get(client % TYPES.size());
  }

  private static void requireShares(List<ConnectionReport> connected) {
    var computing = connected.stream().filter(it -> it.graphs() > 0).toList();
    assertThat(computing).hasSize(CLIENTS);
    assertThat(computing)
        .allMatch(it -> it.deviceSeconds() > 0 && it.share() > 0 && it.bufferBytes() > 0);
    double all = connected.stream().mapToDouble(ConnectionReport::deviceSeconds).sum();
    assertThat(connected)
        .allSatisfy(it -> assertThat(it.share()).isCloseTo(it.deviceSeconds() / all, within(0.01)));
  }

  private static List<StockLlamaServer> startAll(
      RunningWorker worker, Queue<StockLlamaServer> started) throws Exception {
    try (var starting = Executors.newFixedThreadPool(STARTING)) {
      var servers = new ArrayList<Future<StockLlamaServer>>();
      for (int i = 0; i < CLIENTS; i++) {
        String type = type(i);
        servers.add(
            starting.submit(
                () -> {
                  var server = serve(worker, type);
                  started.add(server);
                  return server;
                }));
      }
      var all = new ArrayList<StockLlamaServer>();
      for (var server : servers) {
        all.add(server.get());
      }
      return all;
    }
  }

  private static StockLlamaServer serve(RunningWorker worker, String type)
      throws IOException, InterruptedException {
    var model =
        type.equals("Q8_0") || type.equals("Q4_0")
            ? DemoModel.file(type.toLowerCase(Locale.ROOT))
            : DemoModel.quantized(type);
    return StockLlamaServer.start(
        model,
        List.of(
            "--rpc",
            worker.endpoint(),
            "-c",
            "512",
            "-np",
            "1",
            "-ngl",
            "all",
            "--fit",
            "off",
            "--cache-ram",
            "0",
            "--ctx-checkpoints",
            "0",
            "--no-warmup",
            "-tb",
            "1"));
  }
}
