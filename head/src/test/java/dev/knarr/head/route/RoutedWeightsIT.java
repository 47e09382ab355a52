// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.gguf.GgufFile;
import dev.knarr.gguf.GgufTensor;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.testkit.peers.DemoModel;
import dev.knarr.testkit.peers.DemoModel.Prompt;
import dev.knarr.testkit.peers.StockLlamaServer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What of a model crosses the wire, and that its answers are the recorded ones all the same. */
@Timeout(300)
class RoutedWeightsIT {
  private static final String TYPE = "q8_0";
  private static final Path MODEL = DemoModel.file(TYPE);
  private static final List<Prompt> SOME = DemoModel.surePrompts().subList(0, 4);

  /** What a worker is never asked for, or keeps no file of. */
  private static final long LEAST_FILE_BYTES = 64 << 10;

  @TempDir private Path folder;

  private static StockLlamaServer serve(RunningRouter router, Path model) {
    int devices = router.devices();
    var names =
        IntStream.range(0, devices).mapToObj(i -> "RPC" + i).collect(Collectors.joining(","));
    var split = String.join(",", Collections.nCopies(devices, "1"));
    return StockLlamaServer.start(
        model,
        List.of(
            "--rpc",
            router.router.address(),
            "--device",
            names,
            "-ngl",
            "all",
            "--tensor-split",
            split,
            "--fit",
            "off",
            "-c",
            "256",
            "-np",
            "1",
            "-ub",
            "32",
            "--cache-ram",
            "0",
            "-tb",
            "1"));
  }

  /** Bytes of weights, and of words about them, that cross the wire while a model is loaded. */
  private static long load(RunningRouter router, Path model) {
    return load(router, model, TYPE);
  }

  private static long load(RunningRouter router, Path model, String answersOf) {
    long before = weightBytes(router);
    long loaded;
    try (var server = serve(router, model)) {
      loaded = weightBytes(router) - before;
      for (var prompt : SOME) {
        assertThat(DemoModel.ask(server, prompt)).isEqualTo(prompt.answer(answersOf));
      }
    }
    await("the end of connections")
        .until(() -> router.ours.stream().allMatch(it -> it.allocatedBytes() == 0));
    return loaded;
  }

  private static long weightBytes(RunningRouter router) {
    return router.sentBytes(
        RpcCommand.SET_TENSOR,
        RpcCommand.SET_TENSOR_HASH,
        RpcCommand.ROUTE_OFFER,
        RpcCommand.ROUTE_WEIGHTS);
  }

  private static long fileBytes(Path model) {
    return GgufFile.open(model).tensors().stream().mapToLong(GgufTensor::bytes).sum();
  }

  private static OurWorker[] workers(int count) {
    return IntStream.range(0, count).mapToObj(_ -> OurWorker.with("CPU")).toArray(OurWorker[]::new);
  }

  @Nested
  class GivenWorkersWithoutACache {
    @Test
    void whenTheSameIsLoadedAgain_thenNothingCrosses() throws Exception {
      try (var router = RunningRouter.loading(List.of(MODEL), workers(2))) {
        assertThat(load(router, MODEL)).isGreaterThan(fileBytes(MODEL) / 2);

        assertThat(load(router, MODEL)).isLessThan(fileBytes(MODEL) / 200);
        assertThat(load(router, MODEL)).isLessThan(fileBytes(MODEL) / 200);
      }
    }

    @Test
    void whenTheHeadDoesNotKnowTheFile_thenNothingCrossesEither() throws Exception {
      try (var router = RunningRouter.loading(List.of(), workers(2))) {
        assertThat(load(router, MODEL)).isGreaterThan(fileBytes(MODEL) / 2);

        assertThat(load(router, MODEL)).isLessThan(fileBytes(MODEL) / 200);
      }
    }

    @Test
    void whenOneTensorIsAnother_thenOnlyThatCrosses() throws Exception {
      var tensor = GgufFile.open(MODEL).tensor("blk.2.ffn_up.weight").orElseThrow();
      var changed = changed(tensor);
      try (var router = RunningRouter.loading(List.of(changed, MODEL), workers(2))) {
        load(router, MODEL);
        long before = weightBytes(router);
        try (var server = serve(router, changed)) {
          assertThat(weightBytes(router) - before)
              .isBetween(tensor.bytes(), tensor.bytes() + fileBytes(MODEL) / 200);
          assertThat(server.process().isAlive()).isTrue();
        }

        assertThat(load(router, MODEL))
            .as("back to what has answers on record")
            .isBetween(tensor.bytes(), tensor.bytes() + fileBytes(MODEL) / 200);
      }
    }

    /** The same names and sizes as in the model, other bytes in one place. */
    private Path changed(GgufTensor tensor) throws IOException {
      var copy = folder.resolve("changed.gguf");
      Files.copy(MODEL, copy);
      try (var file = new RandomAccessFile(copy.toFile(), "rw")) {
        // The last quants of the last block: one value more or less in a row.
        file.seek(tensor.offset() + tensor.bytes() - 2);
        file.write(new byte[] {1, 2});
      }
      return copy;
    }

    @Test
    void whenParkedWeightsTakeMostOfTheMemory_thenTheSameIsLoadedAgainAndThenAnother()
        throws Exception {
      long most = mostBytes();
      long limit = most + most / 10;
      var worker = OurWorker.configured(Map.of("memory-limit", String.valueOf(limit)));
      try (var router = RunningRouter.loading(List.of(MODEL), worker)) {
        load(router, MODEL);
        assertThat(worker.gauge("knarr.worker.buffer.parked")).isGreaterThan(0.6 * limit);

        assertThat(load(router, MODEL)).isLessThan(fileBytes(MODEL) / 200);
        load(router, DemoModel.file("q4_0"), "q4_0");
      }
    }

    private long mostBytes() throws IOException {
      try (var router = RunningRouter.loading(List.of(MODEL), workers(1));
          var _ = serve(router, MODEL)) {
        return router.ours.getFirst().allocatedBytes();
      }
    }
  }

  @Nested
  class GivenColdWorkers {
    @Test
    void whenTheModelIsTheirSeed_thenNothingCrosses() throws Exception {
      var properties =
          Map.of("seed", MODEL.toString(), "cache-dir", folder.resolve("cache").toString());
      var worker = OurWorker.configured(properties);
      await("the seed").until(() -> worker.gauge("knarr.worker.cache.seed.progress") == 1);
      try (var router = RunningRouter.loading(List.of(MODEL), worker)) {
        assertThat(load(router, MODEL)).isLessThan(fileBytes(MODEL) / 200);
      }
    }

    /** A head that has loaded the model before does not even take large tensors from its client. */
    @Test
    void whenTheHeadHasStartedAgain_thenItStillKnowsTheHashes() throws Exception {
      var properties =
          Map.of("seed", MODEL.toString(), "cache-dir", folder.resolve("cache").toString());
      var hashes = Optional.of(folder.resolve("hashes"));
      try (var router = RunningRouter.loading(List.of(MODEL), hashes, workers(1))) {
        load(router, MODEL);
      }
      assertThat(hashes.orElseThrow()).isNotEmptyDirectory();
      var worker = OurWorker.configured(properties);
      await("the seed").until(() -> worker.gauge("knarr.worker.cache.seed.progress") == 1);
      try (var router = RunningRouter.loading(List.of(MODEL), hashes, worker)) {
        assertThat(load(router, MODEL)).isLessThan(fileBytes(MODEL) / 200);
      }
    }

    @Test
    void whenTheyHaveACacheFolder_thenOnlySmallTensorsCrossTheNextTime() throws Exception {
      var properties = Map.of("cache-dir", folder.resolve("cache").toString());
      long small =
          GgufFile.open(MODEL).tensors().stream()
              .mapToLong(GgufTensor::bytes)
              .filter(bytes -> bytes < LEAST_FILE_BYTES)
              .sum();
      var first = OurWorker.configured(properties);
      try (var router = RunningRouter.loading(List.of(MODEL), first)) {
        long sent = load(router, MODEL);
        await("the cache")
            .until(
                () ->
                    first.count("knarr.worker.cache.stored.bytes")
                        >= sent - small - fileBytes(MODEL) / 200);
      }

      try (var router = RunningRouter.loading(List.of(MODEL), OurWorker.configured(properties))) {
        assertThat(load(router, MODEL)).isLessThan(small + fileBytes(MODEL) / 200);
      }
    }
  }

  @Test
  void tensorsOfTheTestAreOfAllSizes() {
    long[] sizes = GgufFile.open(MODEL).tensors().stream().mapToLong(GgufTensor::bytes).toArray();

    assertThat(Arrays.stream(sizes).min().orElseThrow()).isLessThan(LEAST_FILE_BYTES);
    assertThat(Arrays.stream(sizes).max().orElseThrow()).isGreaterThan(LEAST_FILE_BYTES);
  }
}
