// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.testkit.peers.DemoModel;
import dev.knarr.testkit.peers.DemoModel.Prompt;
import dev.knarr.testkit.peers.StockLlamaServer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Stock llama-server loads a model whose large tensors the worker already has. */
class WarmLoadIT {
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static Path model;
  private static int wideTensors;
  private static long wideBytes;

  @BeforeAll
  static void makeModel() throws IOException {
    model = WideModel.file();
    wideTensors = WideModel.wideTensors().size();
    wideBytes = WideModel.wideTensors().stream().mapToLong(tensor -> tensor.bytes()).sum();
    assertThat(wideTensors).isEqualTo(24);
  }

  private static void requireRecordedAnswer(RunningWorker worker) {
    Prompt first = DemoModel.surePrompts().getFirst();
    try (var server =
        StockLlamaServer.start(
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
                "--no-warmup",
                "-tb",
                "1"))) {
      assertThat(DemoModel.ask(server, first)).isEqualTo(first.answer("q8_0"));
    }
    assertThat(worker.count(WorkerMetrics.REJECTED)).isZero();
  }

  /** Bytes of SET_TENSOR frames, in which all that crosses the wire of weights is. */
  private static long sentBytes(RunningWorker worker) {
    return worker.count(WorkerMetrics.RPC_BYTES, "command", "set_tensor", "direction", "request");
  }

  private static void awaitIdleDisk(RunningWorker worker) {
    await("what was sent to be stored or dropped")
        .atMost(LIMIT)
        .until(
            () ->
                worker.count(CacheMetrics.CACHE_STORED) + worker.count(CacheMetrics.CACHE_DROPPED)
                    == worker.count(CacheMetrics.CACHE_MISSES));
  }

  private static void requireNothingLargeSent(RunningWorker worker, String tier) {
    assertThat(worker.count(CacheMetrics.CACHE_HITS, "tier", tier)).isEqualTo(wideTensors);
    assertThat(worker.count(CacheMetrics.CACHE_HIT_BYTES, "tier", tier)).isEqualTo(wideBytes);
    assertThat(worker.count(CacheMetrics.CACHE_MISSES)).isZero();
    assertThat(sentBytes(worker)).as("bytes of tensors sent").isLessThan(10 << 20);
  }

  @Nested
  class GivenASeed {
    @Test
    void whenItIsLoadedForTheFirstTime_thenNoLargeTensorCrossesTheWire(@TempDir Path folder) {
      var config = TestConfig.withDevices("CPU").withCache(folder, null, model);
      try (var worker = RunningWorker.configured(config)) {
        await("the seed to be indexed")
            .atMost(LIMIT)
            .until(() -> worker.gauge(CacheMetrics.SEED_PROGRESS) == 1);

        requireRecordedAnswer(worker);

        requireNothingLargeSent(worker, "seed");
      }
    }
  }

  @Nested
  class GivenACacheFolder {
    @Test
    void whenItIsLoadedAgainByAnotherWorker_thenNoLargeTensorCrossesTheWire(@TempDir Path folder) {
      var config = TestConfig.withDevices("CPU").withCache(folder, "2Gi");
      try (var worker = RunningWorker.configured(config)) {
        requireRecordedAnswer(worker);
        assertThat(sentBytes(worker)).isGreaterThan(wideBytes);
        // What the disk was too slow for is stored when it is sent again.
        await("the tensors to be stored")
            .atMost(LIMIT)
            .until(
                () -> {
                  awaitIdleDisk(worker);
                  if (worker.count(CacheMetrics.CACHE_STORED) < wideTensors) {
                    requireRecordedAnswer(worker);
                  }
                  return worker.count(CacheMetrics.CACHE_STORED) == wideTensors;
                });
      }

      try (var worker = RunningWorker.configured(config)) {
        requireRecordedAnswer(worker);

        requireNothingLargeSent(worker, "file");
      }
    }

    @Test
    void whenTwoClientsLoadItAtOnce_thenBothGetTheRightAnswer(@TempDir Path folder)
        throws InterruptedException {
      var config = TestConfig.withDevices("CPU").withCache(folder, "2Gi");
      try (var one = RunningWorker.configured(config);
          var other = RunningWorker.configured(config)) {
        var failures = new ConcurrentLinkedQueue<Throwable>();
        var asking =
            Thread.ofPlatform()
                .uncaughtExceptionHandler((_, failure) -> failures.add(failure))
                .start(() -> requireRecordedAnswer(one));
        requireRecordedAnswer(other);
        asking.join();

        assertThat(failures).isEmpty();
        assertThat(one.count(CacheMetrics.CACHE_REJECTED)).isZero();
        assertThat(other.count(CacheMetrics.CACHE_REJECTED)).isZero();
      }
    }
  }
}
