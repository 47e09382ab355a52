// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.Fnv1a;
import dev.knarr.rpc.RpcRequest;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients get the bytes they mean, whatever has become of the cache. */
class TensorCacheTest {
  private static final byte[] DATA = WeightsClient.data(1);

  @TempDir private Path folder;

  private RunningWorker worker(@Nullable String size, Path... seeds) {
    return RunningWorker.configured(
        TestConfig.withDevices("CPU", "Vulkan0").withCache(folder, size, seeds));
  }

  private RunningWorker worker() {
    return worker("1Gi");
  }

  private static boolean load(RunningWorker worker, int device, byte[] data) throws IOException {
    try (var client = new WeightsClient(worker.port(), device)) {
      return client.load(data);
    }
  }

  /** Loads data that is not known yet, and waits until it is stored. */
  private static void store(RunningWorker worker, byte[] data) throws IOException {
    long before = worker.count(CacheMetrics.CACHE_STORED);
    assertThat(load(worker, 0, data)).as("found").isFalse();
    await("the tensor to be stored")
        .atMost(Duration.ofMinutes(1))
        .pollInterval(Duration.ofMillis(5))
        .until(() -> worker.count(CacheMetrics.CACHE_STORED) == before + 1);
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve("tensors"))) {
      return files.filter(file -> !file.endsWith("lock")).toList();
    }
  }

  private Path onlyFile() throws IOException {
    assertThat(files()).hasSize(1);
    return files().getFirst();
  }

  private static long hits(RunningWorker worker, String tier) {
    return worker.count(CacheMetrics.CACHE_HITS, "tier", tier);
  }

  @Nested
  class GivenAFolder {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenATensorWasSentToAnotherWorker_thenItIsFound(int device) throws IOException {
      try (var one = worker();
          var other = worker()) {
        store(one, DATA);

        assertThat(load(other, device, DATA)).isTrue();

        assertThat(hits(other, "file")).isEqualTo(1);
        assertThat(other.count(CacheMetrics.CACHE_HIT_BYTES)).isEqualTo(DATA.length);
        assertThat(other.gauge(CacheMetrics.CACHE_BUDGET)).isEqualTo(1 << 30);
        assertThat(one.gauge(CacheMetrics.CACHE_SIZE)).isEqualTo((double) Files.size(onlyFile()));
      }
    }

    @Test
    void whenATensorIsNotLargeOrNoWeight_thenItIsNotStored() throws IOException {
      byte[] small = WeightsClient.data(2, 10 << 20);
      try (var worker = worker();
          var client = new WeightsClient(worker.port(), 0)) {
        var activations = client.allocate(DATA.length);
        client.raw().write(activations, ByteBuffer.wrap(DATA));
        assertThat(client.load(small)).isFalse();
        assertThat(client.load(small)).isFalse();

        store(worker, WeightsClient.data(3));

        assertThat(files()).hasSize(1);
      }
    }

    @Test
    void whenTheHashOfOtherBytesIsAnnounced_thenTheBytesAreStoredUnderTheirOwn()
        throws IOException {
      byte[] victim = WeightsClient.data(4);
      try (var worker = worker();
          var liar = new WeightsClient(worker.port(), 0)) {
        var tensor = liar.allocate(DATA.length);
        assertThat(liar.ask(tensor, Fnv1a.hash(victim))).isFalse();
        liar.send(tensor, DATA);
        liar.requireHolds(tensor, DATA);
        await("the tensor to be stored")
            .atMost(Duration.ofMinutes(1))
            .until(() -> worker.count(CacheMetrics.CACHE_STORED) == 1);

        assertThat(load(worker, 0, victim)).as("the victim's hash").isFalse();
        assertThat(load(worker, 0, DATA)).isTrue();
      }
    }

    @Test
    void whenAConnectionEndsInMidTensor_thenNothingIsLeft() throws IOException {
      try (var worker = worker()) {
        try (var client = new WeightsClient(worker.port(), 0)) {
          var tensor = client.allocate(DATA.length);
          client.raw().channel().send(new RpcRequest.SetTensor(tensor, true, 0, DATA.length));
          client.raw().channel().sendData(ByteBuffer.wrap(DATA, 0, DATA.length - 1));
          client.raw().channel().flush();
          await("the file to be begun").until(() -> !files().isEmpty());
          client.raw().reset();
        }

        await("the file to be given up").until(() -> files().isEmpty());
        assertThat(worker.count(CacheMetrics.CACHE_STORED)).isZero();
        assertThat(worker.gauge(CacheMetrics.CACHE_SIZE)).isZero();
      }
    }

    @Test
    void whenItIsWiderThanItsBudget_thenTheLongestUnusedGo() throws IOException {
      try (var worker = worker("22Mi")) {
        store(worker, WeightsClient.data(10));
        store(worker, WeightsClient.data(11));
        var anHourAgo = FileTime.from(Instant.now().minus(Duration.ofHours(1)));
        for (var file : files()) {
          Files.setLastModifiedTime(file, anHourAgo);
        }
        assertThat(load(worker, 0, WeightsClient.data(10))).isTrue();

        store(worker, WeightsClient.data(12));

        assertThat(worker.count(CacheMetrics.CACHE_EVICTED)).isEqualTo(1);
        assertThat(files()).hasSize(2);
        assertThat(load(worker, 0, WeightsClient.data(10))).isTrue();
        assertThat(load(worker, 0, WeightsClient.data(12))).isTrue();
      }
    }

    @Test
    void whenAllInItWasUsedLately_thenANewTensorIsNotStored() throws IOException {
      try (var worker = worker("22Mi")) {
        store(worker, WeightsClient.data(10));
        store(worker, WeightsClient.data(11));

        assertThat(load(worker, 0, WeightsClient.data(12))).isFalse();

        await("the tensor to be dropped")
            .until(() -> worker.count(CacheMetrics.CACHE_DROPPED, "reason", "over_budget") == 1);
        assertThat(worker.count(CacheMetrics.CACHE_EVICTED)).isZero();
        assertThat(worker.gauge(CacheMetrics.CACHE_SIZE)).isLessThanOrEqualTo(22 << 20);
      }
    }

    @Test
    void whenTwoWorkersFillIt_thenTheirFilesTogetherStayWithinTheBudget() throws Exception {
      try (var one = worker("45Mi");
          var other = worker("45Mi")) {
        var filling = Thread.ofPlatform().start(() -> fill(one, 100));
        fill(other, 200);
        filling.join();
        await("all to be stored or dropped")
            .atMost(Duration.ofMinutes(1))
            .until(() -> ended(one) + ended(other) == 12);

        assertThat(files()).hasSize(4);
        assertThat(files().stream().mapToLong(file -> file.toFile().length()).sum())
            .isLessThanOrEqualTo(45 << 20);
        assertThat(one.count(CacheMetrics.CACHE_REJECTED)).isZero();
        assertThat(other.count(CacheMetrics.CACHE_REJECTED)).isZero();
      }
    }

    private static void fill(RunningWorker worker, int first) {
      try {
        for (int i = 0; i < 6; i++) {
          load(worker, 0, WeightsClient.data(first + i));
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static long ended(RunningWorker worker) {
      return worker.count(CacheMetrics.CACHE_STORED) + worker.count(CacheMetrics.CACHE_DROPPED);
    }

    @Test
    void whenItCannotBeMade_thenTheWorkerSaysSo() throws IOException {
      Path file = Files.createFile(folder.resolve("file"));

      assertThatThrownBy(
              () -> RunningWorker.configured(TestConfig.withDevices("CPU").withCache(file, null)))
          .isInstanceOfSatisfying(
              WorkerStartException.class,
              failure -> assertThat(failure.sentence()).startsWith("CacheNotWritable: "))
          .hasMessageContaining(file.toString())
          .hasMessageContaining("--cache-dir");
    }
  }

  /** What may become of a file. */
  enum Damage {
    TRUNCATED("truncated"),
    EMPTIED("truncated"),
    LENGTHENED("truncated"),
    FIRST_BIT("wrong_bytes"),
    LAST_BIT("wrong_bytes"),
    BIT_OF_A_DIGEST("bad_trailer"),
    LAST_BYTE("bad_trailer"),
    OF_OTHER_DATA("bad_trailer");

    private final String reason;

    Damage(String reason) {
      this.reason = reason;
    }

    private void apply(Path path) throws IOException {
      try (var file = new RandomAccessFile(path.toFile(), "rw")) {
        switch (this) {
          case TRUNCATED -> file.setLength(file.length() - 1);
          case EMPTIED -> file.setLength(0);
          case LENGTHENED -> file.setLength(file.length() + 1);
          case FIRST_BIT -> flip(file, 0);
          case LAST_BIT -> flip(file, DATA.length - 1);
          case BIT_OF_A_DIGEST -> flip(file, DATA.length + 30);
          case LAST_BYTE -> flip(file, file.length() - 1);
          case OF_OTHER_DATA -> {
            var name = String.valueOf(path.getFileName());
            Files.move(
                path,
                path.resolveSibling(
                    "%016x%s".formatted(Fnv1a.hash(WeightsClient.data(5)), name.substring(16))));
          }
        }
      }
    }

    private static void flip(RandomAccessFile file, long at) throws IOException {
      file.seek(at);
      int old = file.read();
      file.seek(at);
      file.write(old ^ 0x80);
    }
  }

  @Nested
  class GivenADamagedFile {
    @ParameterizedTest
    @EnumSource
    void whenItIsAskedFor_thenItIsNotFoundButRemovedAndStoredAgain(Damage damage)
        throws IOException {
      byte[] wanted = damage == Damage.OF_OTHER_DATA ? WeightsClient.data(5) : DATA;
      try (var worker = worker()) {
        store(worker, DATA);
      }
      damage.apply(onlyFile());

      try (var worker = worker()) {
        store(worker, wanted);

        assertThat(worker.count(CacheMetrics.CACHE_REJECTED, "reason", damage.reason)).isEqualTo(1);
        assertThat(load(worker, 0, wanted)).isTrue();
        assertThat(hits(worker, "file")).isEqualTo(1);
      }
    }
  }

  @Nested
  class GivenDataInDeviceMemory {
    /** Without a folder or with one that is emptied, only memory can have it. */
    private void emptyFolder() throws IOException {
      for (var file : files()) {
        Files.delete(file);
      }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenAnotherClientAsks_thenItIsFoundOnEitherDevice(int device) throws IOException {
      try (var worker = worker();
          var owner = new WeightsClient(worker.port(), device)) {
        assertThat(owner.load(DATA)).isFalse();
        await("the tensor to be stored").until(() -> worker.count(CacheMetrics.CACHE_STORED) == 1);
        emptyFolder();

        assertThat(load(worker, 0, DATA)).isTrue();
        assertThat(load(worker, 1, DATA)).isTrue();

        assertThat(hits(worker, "memory")).isEqualTo(2);
      }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, WeightsClient.BYTES - 1})
    void whenItsOwnerHasChangedAByte_thenItIsNotFound(int at) throws IOException {
      try (var worker = worker();
          var owner = new WeightsClient(worker.port(), 0)) {
        var tensor = owner.allocate(DATA.length);
        assertThat(owner.ask(tensor, Fnv1a.hash(DATA))).isFalse();
        owner.send(tensor, DATA);
        owner
            .raw()
            .channel()
            .send(new RpcRequest.MemsetTensor(tensor, at, 1, (byte) (DATA[at] + 1)));
        owner.raw().readBytes(tensor);
        await("the tensor to be stored").until(() -> worker.count(CacheMetrics.CACHE_STORED) == 1);
        emptyFolder();

        assertThat(load(worker, 0, DATA)).isFalse();

        assertThat(hits(worker, "memory")).isZero();
      }
    }

    @Test
    void whenItsOwnerHasLeft_thenItIsNotFound() throws IOException {
      try (var worker = worker()) {
        store(worker, DATA);
        emptyFolder();
        await("the owner to be gone").until(() -> worker.gauge(WorkerMetrics.CONNECTIONS) == 0);

        assertThat(load(worker, 0, DATA)).isFalse();
      }
    }

    @Test
    void whenOwnersComeAndGoWhileOthersRead_thenEverybodyHasTheRightBytes() throws Exception {
      try (var worker = RunningWorker.configured(memoryOnly())) {
        var failures = new ConcurrentLinkedQueue<Throwable>();
        var clients =
            Stream.of(0, 0, 1, 1)
                .map(
                    device ->
                        Thread.ofPlatform()
                            .uncaughtExceptionHandler((_, failure) -> failures.add(failure))
                            .start(() -> loadAgainAndAgain(worker, device)))
                .toList();
        for (var client : clients) {
          client.join();
        }

        assertThat(failures).isEmpty();
        assertThat(hits(worker, "memory")).isPositive();
        assertThat(worker.count(WorkerMetrics.REJECTED)).isZero();
      }
    }

    private TestConfig memoryOnly() {
      return TestConfig.withDevices("CPU", "Vulkan0").withCache(folder, "1");
    }

    /** Until there was something to find, which takes another client at the same moment. */
    private static void loadAgainAndAgain(RunningWorker worker, int device) {
      try {
        for (int i = 0; i < 8 || (hits(worker, "memory") == 0 && i < 1000); i++) {
          load(worker, device, DATA);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Nested
  class GivenASeed {
    private RunningWorker seeded(Path seed) throws IOException {
      var worker =
          RunningWorker.configured(
              TestConfig.withDevices("CPU", "Vulkan0").withCache(folder, null, seed));
      awaitIndexed(worker);
      return worker;
    }

    private static void awaitIndexed(RunningWorker worker) {
      await("the seed to be indexed")
          .atMost(Duration.ofMinutes(1))
          .until(() -> worker.gauge(CacheMetrics.SEED_PROGRESS) == 1);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenATensorOfItIsAskedFor_thenItIsFound(int device) throws IOException {
      Path seed = SeedModel.write(folder, "seed", DATA, WeightsClient.data(6));
      try (var worker = seeded(seed)) {
        assertThat(load(worker, device, DATA)).isTrue();
        assertThat(load(worker, device, WeightsClient.data(6))).isTrue();
        assertThat(load(worker, device, WeightsClient.data(7))).isFalse();

        assertThat(hits(worker, "seed")).isEqualTo(2);
      }
    }

    @Test
    void whenTheModelHasParts_thenAllAreIndexed() throws IOException {
      Path seed = SeedModel.writeParts(folder, "seed", DATA, WeightsClient.data(6));
      try (var worker = seeded(seed)) {
        assertThat(load(worker, 0, DATA)).isTrue();
        assertThat(load(worker, 0, WeightsClient.data(6))).isTrue();
      }
    }

    @Test
    void whenTheWorkerStartsAgain_thenTheIndexIsThere() throws IOException {
      Path seed = SeedModel.write(folder, "seed", DATA);
      try (var worker = seeded(seed)) {
        assertThat(load(worker, 0, DATA)).isTrue();
      }
      // The same stamp, but bytes whose hash is another: who hashed again would not find the old.
      var stamp = Files.getLastModifiedTime(seed);
      SeedModel.flipLastByte(seed);
      Files.setLastModifiedTime(seed, stamp);

      try (var worker = seeded(seed)) {
        assertThat(load(worker, 0, DATA)).as("found in a file that has other bytes").isFalse();

        assertThat(worker.count(CacheMetrics.CACHE_REJECTED, "reason", "wrong_bytes")).isEqualTo(1);
        byte[] changed = DATA.clone();
        changed[changed.length - 1] ^= 1;
        await("the seed to be indexed again")
            .atMost(Duration.ofMinutes(1))
            .until(() -> load(worker, 0, changed));
        assertThat(hits(worker, "seed")).isEqualTo(1);
      }
    }

    @Test
    void whenItIsReplaced_thenTheOldBytesAreNotFoundAndTheNewAre() throws IOException {
      Path seed = SeedModel.write(folder, "seed", DATA);
      try (var worker = seeded(seed)) {
        SeedModel.write(folder, "seed", WeightsClient.data(8));

        assertThat(load(worker, 0, DATA)).isFalse();

        assertThat(worker.count(CacheMetrics.CACHE_REJECTED, "reason", "changed")).isEqualTo(1);
        await("the new file to be indexed")
            .atMost(Duration.ofMinutes(1))
            .until(
                () ->
                    worker.gauge(CacheMetrics.SEED_PROGRESS) == 1
                        && load(worker, 0, WeightsClient.data(8)));
      }
    }

    @Test
    void whenItIsNotThere_thenTheWorkerSaysSo() {
      Path seed = folder.resolve("none.gguf");

      assertThatThrownBy(() -> seeded(seed))
          .isInstanceOf(WorkerStartException.class)
          .hasMessageContaining("none.gguf")
          .hasMessageContaining("--seed");
    }
  }

  @Nested
  class GivenNoCache {
    @Test
    void whenTwoClientsHaveTheSameTensor_thenNeitherFindsTheOthers() throws IOException {
      try (var worker = RunningWorker.with("CPU");
          var one = new WeightsClient(worker.port(), 0)) {
        assertThat(one.load(DATA)).isFalse();

        assertThat(load(worker, 0, DATA)).isFalse();
      }
    }
  }
}
