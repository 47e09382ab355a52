// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.testkit.peers.DemoModel;
import dev.knarr.testkit.peers.StockLlamaServer;
import dev.knarr.testkit.peers.StockWorker;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * A model whose tensors are cut in two: this worker in the place of either stock worker, or both,
 * gives the text that two stock workers give.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TensorSplitIT {
  private static final List<DemoModel.Prompt> PROMPTS = DemoModel.surePrompts().subList(0, 12);

  private List<String> overTwoStockWorkers;

  @BeforeAll
  void askStockWorkers() {
    try (var one = StockWorker.start();
        var other = StockWorker.start()) {
      overTwoStockWorkers = answers(one.address(), other.address());
    }
    assertThat(overTwoStockWorkers).hasSize(PROMPTS.size()).doesNotContain("");
  }

  @AfterAll
  void forget() {
    overTwoStockWorkers = List.of();
  }

  private static List<String> answers(String first, String second) {
    try (var server =
        StockLlamaServer.start(
            DemoModel.file("q8_0"),
            List.of(
                "--rpc",
                first + "," + second,
                "-sm",
                "tensor",
                "-c",
                "1024",
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
                "1"))) {
      return PROMPTS.stream().map(prompt -> DemoModel.ask(server, prompt)).toList();
    }
  }

  /** Without a link the client adds the halves up itself, which would hide that there is none. */
  private static void requireReduced(RunningWorker worker) {
    assertThat(worker.count(WorkerMetrics.RPC_FRAMES, "command", "comm_allreduce"))
        .as("reductions between workers")
        .isGreaterThan(PROMPTS.size());
    assertThat(worker.count(WorkerMetrics.REJECTED)).as("requests refused").isZero();
  }

  @Test
  void whenBothWorkersAreOurs_thenTheTextIsTheSame() {
    try (var one = RunningWorker.with("CPU");
        var other = RunningWorker.with("CPU")) {
      assertThat(answers(one.endpoint(), other.endpoint())).isEqualTo(overTwoStockWorkers);

      requireReduced(one);
      requireReduced(other);
    }
  }

  @Test
  void whenTheFirstIsOurs_thenTheTextIsTheSame() {
    try (var one = RunningWorker.with("CPU");
        var other = StockWorker.start()) {
      assertThat(answers(one.endpoint(), other.address())).isEqualTo(overTwoStockWorkers);

      requireReduced(one);
    }
  }

  @Test
  void whenTheSecondIsOurs_thenTheTextIsTheSame() {
    try (var one = StockWorker.start();
        var other = RunningWorker.with("CPU")) {
      assertThat(answers(one.address(), other.endpoint())).isEqualTo(overTwoStockWorkers);

      requireReduced(other);
    }
  }
}
