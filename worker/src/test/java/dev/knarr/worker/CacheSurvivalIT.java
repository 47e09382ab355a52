// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.RpcRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Workers die and disks fill up: clients get the bytes they mean all the same. */
class CacheSurvivalIT {
  private static final byte[] DATA = WeightsClient.data(1);

  @TempDir private Path folder;

  private List<Path> unfinished() throws IOException {
    var tensors = folder.resolve("tensors");
    if (!Files.exists(tensors)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(tensors)) {
      return files.filter(file -> file.getFileName().toString().startsWith("new-")).toList();
    }
  }

  private static boolean load(int port, byte[] data) throws IOException {
    try (var client = new WeightsClient(port, 0)) {
      return client.load(data);
    }
  }

  @Nested
  class GivenAWorkerThatIsKilled {
    @Test
    void whenItWasWriting_thenTheNextOneRemovesWhatItLeftAndServes() throws Exception {
      try (var killed = CachingWorkerProcess.start(folder);
          var client = new WeightsClient(killed.port(), 0)) {
        var tensor = client.allocate(DATA.length);
        client.raw().channel().send(new RpcRequest.SetTensor(tensor, true, 0, DATA.length));
        client.raw().channel().sendData(ByteBuffer.wrap(DATA, 0, DATA.length - 1));
        client.raw().channel().flush();
        await("some of it to be written")
            .atMost(Duration.ofMinutes(1))
            .until(() -> !unfinished().isEmpty() && Files.size(unfinished().getFirst()) > 0);

        killed.kill();
      }
      assertThat(unfinished()).hasSize(1);

      try (var next = CachingWorkerProcess.start(folder)) {
        assertThat(unfinished()).isEmpty();
        assertThat(load(next.port(), DATA)).isFalse();
        assertThat(next.count(CacheMetrics.CACHE_REJECTED, "")).isZero();
      }
    }

    /** At whatever moment: while it writes, hashes, renames, or has done all of that. */
    @Test
    void whenItDiesAtAnyMoment_thenWhatIsFoundIsRight() throws Exception {
      int found = 0;
      for (int round = 0; round < 6; round++) {
        try (var killed = CachingWorkerProcess.start(folder)) {
          for (int number = 0; number < 4; number++) {
            found += load(killed.port(), WeightsClient.data(number)) ? 1 : 0;
          }
          assertThat(killed.count(CacheMetrics.CACHE_REJECTED, "")).isZero();
          if (round == 4) {
            await("something to be stored")
                .atMost(Duration.ofMinutes(1))
                .until(() -> found(killed) > 0);
          }
          killed.kill();
        }
      }
      assertThat(found).as("tensors found after kills").isPositive();
    }

    private static long found(CachingWorkerProcess worker) throws IOException {
      return worker.count(CacheMetrics.CACHE_STORED, "")
          + worker.count(CacheMetrics.CACHE_HITS, "");
    }

    @Test
    void whenAnotherWorkerIsStillWriting_thenItsFileIsLeftAlone() throws Exception {
      try (var writer = CachingWorkerProcess.start(folder);
          var client = new WeightsClient(writer.port(), 0)) {
        var tensor = client.allocate(DATA.length);
        client.raw().channel().send(new RpcRequest.SetTensor(tensor, true, 0, DATA.length));
        client.raw().channel().sendData(ByteBuffer.wrap(DATA, 0, DATA.length - 1));
        client.raw().channel().flush();
        await("some of it to be written")
            .atMost(Duration.ofMinutes(1))
            .until(() -> !unfinished().isEmpty());

        try (var other = CachingWorkerProcess.start(folder)) {
          assertThat(unfinished()).hasSize(1);
          client.raw().channel().sendData(ByteBuffer.wrap(DATA, DATA.length - 1, 1));
          client.raw().channel().flush();
          client.requireHolds(tensor, DATA);
          await("it to be stored")
              .atMost(Duration.ofMinutes(1))
              .until(() -> writer.count(CacheMetrics.CACHE_STORED, "") == 1);

          assertThat(load(other.port(), DATA)).isTrue();
        }
      }
    }
  }

  @Nested
  class GivenASmallDisk {
    @Test
    void whenItIsFull_thenClientsAreServedAndWhatFitsIsFound() throws Exception {
      assumeThat(CachingWorkerProcess.canMount())
          .as("this system lets users mount a tmpfs in a namespace of their own")
          .isTrue();
      try (var worker = CachingWorkerProcess.onSmallDisk(folder, "24m")) {
        for (int number = 1; number <= 2; number++) {
          int stored = number;
          assertThat(load(worker.port(), WeightsClient.data(number))).isFalse();
          await("the tensor to be stored")
              .atMost(Duration.ofMinutes(1))
              .until(() -> worker.count(CacheMetrics.CACHE_STORED, "") == stored);
        }

        for (int time = 1; time <= 2; time++) {
          int dropped = time;
          assertThat(load(worker.port(), WeightsClient.data(3))).isFalse();
          await("the disk to be full")
              .atMost(Duration.ofMinutes(1))
              .until(() -> worker.count(CacheMetrics.CACHE_DROPPED, "disk_full") == dropped);
        }

        assertThat(load(worker.port(), WeightsClient.data(1))).isTrue();
        assertThat(load(worker.port(), WeightsClient.data(2))).isTrue();
        assertThat(worker.count(CacheMetrics.CACHE_REJECTED, "")).isZero();
      }
    }
  }
}
