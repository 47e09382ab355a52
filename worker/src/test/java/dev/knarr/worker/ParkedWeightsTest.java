// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.Fnv1a;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import dev.knarr.rpc.transport.TlsCredentials;
import dev.knarr.rpc.transport.TlsFiles;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.testkit.peers.TestAuthority;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a router finds of its weights when it comes back, and who else does. */
@Timeout(60)
class ParkedWeightsTest {
  private static final int PIECE = 64 << 10;
  private static final int BUFFER = 4 * PIECE;
  private static final byte[] A = WeightsClient.data(1, PIECE);
  private static final byte[] B = WeightsClient.data(2, PIECE);
  private static final byte[] C = WeightsClient.data(3, PIECE);
  private static final byte[] NOTHING = new byte[PIECE];

  @TempDir private Path folder;

  private static RunningWorker worker() {
    return RunningWorker.configured(TestConfig.withDevices("CPU").withMemoryLimit("1Mi"));
  }

  /** Loads A, B and C into the first three quarters of a buffer. */
  private static long loaded(RouterClient router) throws IOException {
    long buffer = router.allocate(BUFFER);
    router.load(buffer, 0, A);
    router.load(buffer, PIECE, B);
    router.load(buffer, 2 * PIECE, C);
    return buffer;
  }

  private static void leave(RunningWorker worker) throws IOException {
    leave(worker, RouterClient.to(worker.port()));
  }

  private static void leave(RunningWorker worker, RouterClient router) throws IOException {
    leave(worker, router, 0);
  }

  private static void leave(RunningWorker worker, RouterClient router, int others)
      throws IOException {
    try (router) {
      loaded(router);
    }
    awaitParked(worker, BUFFER, others);
  }

  private static void awaitParked(RunningWorker worker, long bytes) {
    awaitParked(worker, bytes, 0);
  }

  private static void awaitParked(RunningWorker worker, long bytes, int others) {
    await("parked bytes")
        .until(
            () ->
                worker.gauge(WorkerMetrics.PARKED) == bytes
                    && worker.gauge(WorkerMetrics.CONNECTIONS) == others);
  }

  @Nested
  class GivenARouterThatHasGone {
    @Test
    void whenItComesBack_thenItFindsWhatItCanName() throws Exception {
      try (var worker = worker()) {
        leave(worker);
        try (var router = RouterClient.to(worker.port())) {
          long buffer = router.allocate(BUFFER);

          assertThat(router.isAdopted(buffer)).isTrue();
          assertThat(router.offer(buffer, 0, A)).isTrue();
          assertThat(router.offer(buffer, PIECE, C)).as("another at the place").isFalse();
          assertThat(router.offer(buffer, 2 * PIECE, C)).isTrue();
          router.load(buffer, PIECE, C);
          assertThat(router.read(buffer, 0, PIECE)).isEqualTo(A);
          assertThat(router.read(buffer, PIECE, PIECE)).isEqualTo(C);
          assertThat(router.read(buffer, 2 * PIECE, PIECE)).isEqualTo(C);
        }
        assertThat(worker.count(WorkerMetrics.ADOPTED)).isEqualTo(1);
        assertThat(worker.count("knarr.worker.cache.hits", "tier", "parked")).isEqualTo(2);
      }
    }

    @Test
    void whenItReadsWhatItHasNotNamed_thenThereIsNothing() throws Exception {
      try (var worker = worker()) {
        leave(worker);
        try (var router = RouterClient.to(worker.port())) {
          long buffer = router.allocate(BUFFER);
          router.offer(buffer, PIECE, B);

          assertThat(router.read(buffer, 0, PIECE)).isEqualTo(NOTHING);
          assertThat(router.read(buffer, PIECE, PIECE)).isEqualTo(B);
          assertThat(router.read(buffer, 2 * PIECE, PIECE)).isEqualTo(NOTHING);
          assertThat(router.offer(buffer, 0, A)).as("what is no more").isFalse();
        }
      }
    }

    /** The place has been given to the cache to be written, and was not. */
    @Test
    void whenItReadsWhereTheCacheFoundTooLittle_thenThereIsNothing() throws Exception {
      var config = TestConfig.withDevices("CPU").withCache(folder, null);
      try (var worker = RunningWorker.configured(config);
          var liar = RouterClient.from("127.0.0.2", worker.port())) {
        leave(worker, RouterClient.to(worker.port()), 1);
        byte[] bait = WeightsClient.data(4, PIECE / 2); // Too small for the folder.
        long own = liar.allocate(bait.length);
        liar.load(own, 0, bait);
        // What was noted for the hash is not there any more.
        liar.send(new RpcRequest.BufferClear(own, (byte) 0));
        liar.read(own, 0, 1);
        try (var router = RouterClient.to(worker.port())) {
          long buffer = router.allocate(BUFFER);

          assertThat(router.isAdopted(buffer)).isTrue();
          assertThat(router.offer(buffer, 0, bait)).isFalse();
          assertThat(router.read(buffer, 0, bait.length)).isEqualTo(new byte[bait.length]);
        }
      }
    }

    @Test
    void whenAGraphReadsWhatWasNotNamed_thenThereIsNothing() throws Exception {
      try (var worker = worker()) {
        leave(worker);
        try (var router = RouterClient.to(worker.port())) {
          long weights = router.allocate(BUFFER);
          long results = router.allocate(PIECE);
          copyByGraph(router, weights, results);

          assertThat(router.read(results, 0, 64)).isEqualTo(new byte[64]);
        }
      }
    }

    @Test
    void whenItFreesItsBufferItself_thenItIsParkedAsWell() throws Exception {
      try (var worker = worker();
          var router = RouterClient.to(worker.port())) {
        router.send(new RpcRequest.FreeBuffer(loaded(router)));
        long buffer = router.allocate(BUFFER);

        assertThat(router.isAdopted(buffer)).isTrue();
        assertThat(router.offer(buffer, 0, A)).isTrue();
      }
    }

    @Test
    void whenAnotherComes_thenItGetsAnotherBuffer() throws Exception {
      try (var worker = worker()) {
        leave(worker);
        try (var other = RouterClient.from("127.0.0.2", worker.port())) {
          long buffer = other.allocate(BUFFER);

          assertThat(other.isAdopted(buffer)).isFalse();
          assertThat(other.offer(buffer, 0, A)).isFalse();
        }
        assertThat(worker.gauge(WorkerMetrics.PARKED)).isEqualTo(BUFFER);
      }
    }

    @Test
    void whenAPlainClientComes_thenItGetsAnotherBufferAndLeavesNone() throws Exception {
      try (var worker = worker()) {
        leave(worker);
        try (var client = RawClient.to(worker.port())) {
          var buffer = client.allocate(0, BUFFER);
          var tensor = client.tensor(TensorType.I8, buffer, 0, PIECE, 1).build();
          client.write(tensor, ByteBuffer.wrap(A));
          client.readBytes(tensor);
        }

        awaitParked(worker, BUFFER);
      }
    }
  }

  @Nested
  class GivenARouterWithACertificate {
    private Transport by(TestAuthority authority, String name) {
      var own = authority.issue(name);
      return TlsCredentials.load(
          new TlsFiles(own.certificate(), own.key(), authority.certificate()),
          Duration.ofSeconds(10),
          TlsCredentials.Renewal.NONE);
    }

    @Test
    void whenItComesBackWithANewOne_thenItFindsItsWeightsAndAnotherDoesNot() throws Exception {
      var authority = TestAuthority.make(folder, "ca");
      var server = authority.issue("server");
      var config =
          TestConfig.withDevices("CPU")
              .withTls(server.certificate(), server.key())
              .withClientCa(authority.certificate());
      try (var worker = RunningWorker.configured(config)) {
        leave(worker, RouterClient.by(by(authority, "head"), worker.port()));

        try (var other = RouterClient.by(by(authority, "other"), worker.port())) {
          assertThat(other.isAdopted(other.allocate(BUFFER))).isFalse();
        }
        try (var renewed = RouterClient.by(by(authority, "head"), worker.port())) {
          assertThat(renewed.isAdopted(renewed.allocate(BUFFER))).isTrue();
        }
      }
    }
  }

  @Nested
  class GivenParkedWeights {
    @Test
    void whenSomebodyNeedsRoom_thenTheyCountAsFreeAndMakeIt() throws Exception {
      try (var worker = worker()) {
        leave(worker);
        try (var other = RouterClient.from("127.0.0.2", worker.port())) {
          assertThat(other.freeBytes()).isEqualTo(1 << 20);

          assertThat(other.allocate(1 << 20)).isNotZero();

          assertThat(other.freeBytes()).isZero();
        }
        assertThat(worker.gauge(WorkerMetrics.PARKED)).isZero();
        assertThat(worker.count(WorkerMetrics.DROPPED, "reason", "room")).isEqualTo(1);
      }
    }

    @Test
    void whenSomeOfTheRoomIsEnough_thenTheOldestGo() throws Exception {
      try (var worker = worker()) {
        leave(worker);
        try (var second = RouterClient.from("127.0.0.2", worker.port())) {
          loaded(second);
        }
        awaitParked(worker, 2 * BUFFER);

        try (var third = RouterClient.from("127.0.0.3", worker.port())) {
          assertThat(third.allocate((1 << 20) - BUFFER)).isNotZero();
        }
        try (var second = RouterClient.from("127.0.0.2", worker.port())) {
          assertThat(second.isAdopted(second.allocate(BUFFER))).isTrue();
        }
      }
    }

    @Test
    void whenTheirTimeIsOver_thenTheyAreGone() throws Exception {
      var config = TestConfig.withDevices("CPU").with("park-time", "1s");
      try (var worker = RunningWorker.configured(config)) {
        try (var router = RouterClient.to(worker.port())) {
          loaded(router);
        }

        await("the end of parked weights")
            .until(() -> worker.count(WorkerMetrics.DROPPED, "reason", "time") == 1);
        assertThat(worker.gauge(WorkerMetrics.PARKED)).isZero();
      }
    }
  }

  @Nested
  class GivenBuffersOfOtherUse {
    @Test
    void whenTheirRouterGoes_thenTheyAreFreed() throws Exception {
      try (var worker = worker()) {
        try (var router = RouterClient.to(worker.port())) {
          long cache = router.allocate(BUFFER);
          router.send(new RpcRequest.BufferClear(cache, (byte) 0));
          long cleared = loaded(router);
          router.send(new RpcRequest.BufferClear(cleared, (byte) 0));
          long mostlyOther = router.allocate(2 * BUFFER);
          router.load(mostlyOther, 0, A);
          router.read(mostlyOther, 0, 1);
        }

        awaitParked(worker, 0);
        assertThat(worker.gauge(WorkerMetrics.BUFFERS)).isZero();
      }
    }

    @Test
    void whenAGraphMayWriteThem_thenTheyAreFreed() throws Exception {
      try (var worker = worker()) {
        try (var router = RouterClient.to(worker.port())) {
          copyByGraph(router, router.allocate(PIECE), loaded(router));
        }

        awaitParked(worker, 0);
      }
    }

    @Test
    void whenParkingIsOff_thenItIsNotGranted() throws Exception {
      var config = TestConfig.withDevices("CPU").with("park-time", "0s");
      try (var worker = RunningWorker.configured(config)) {
        try (var router = RouterClient.to(worker.port())) {
          assertThat(router.features())
              .contains(RouteFeature.CONTENT)
              .doesNotContain(RouteFeature.PARKING);
          loaded(router);
        }

        awaitParked(worker, 0);
      }
    }
  }

  @Nested
  class GivenARouterThatLies {
    @Test
    void whenItOffersWhatIsOutsideItsBuffer_thenOnlyItsConnectionEnds() throws Exception {
      try (var worker = worker()) {
        try (var honest = RouterClient.from("127.0.0.2", worker.port());
            var liar = RouterClient.to(worker.port())) {
          long buffer = loaded(honest);
          long own = liar.allocate(BUFFER);
          liar.send(new RouteRequest.Offer(new Range(own, BUFFER - 1, 2), 1));

          assertThat(liar.isEnded()).isTrue();
          assertThat(honest.read(buffer, 0, PIECE)).isEqualTo(A);
        }
        assertThat(worker.count("knarr.worker.request.rejected")).isEqualTo(1);
      }
    }

    @Test
    void whenItSendsOnlyAPartOfWhatItAnnounces_thenThatIsNotFoundLater() throws Exception {
      try (var worker = worker()) {
        try (var liar = RouterClient.to(worker.port())) {
          long buffer = loaded(liar);
          var range = new Range(buffer, 0, PIECE);
          liar.channel().send(new RouteRequest.Weights(range, Fnv1a.hash(C)));
          liar.channel().sendData(ByteBuffer.wrap(C, 0, PIECE / 2));
          liar.channel().flush();
        }
        awaitParked(worker, BUFFER);

        try (var router = RouterClient.to(worker.port())) {
          long buffer = router.allocate(BUFFER);
          assertThat(router.offer(buffer, 0, C)).isFalse();
          assertThat(router.offer(buffer, 0, A)).isFalse();
          assertThat(router.offer(buffer, PIECE, B)).isTrue();
        }
      }
    }
  }

  /** Has a graph double what the first buffer begins with, into the second. */
  private static void copyByGraph(RouterClient router, long from, long to) throws IOException {
    var source = new RawClient.Buffer(from, router.address(from), PIECE);
    var target = new RawClient.Buffer(to, router.address(to), PIECE);
    var operand = new WireTensor(1, TensorType.F32, source, source.base(), 16);
    var result =
        new WireTensor(2, TensorType.F32, target, target.base(), 16)
            .from(operand, operand)
            .with(it -> it.op(TensorOp.ADD).flags(RpcTensor.FLAG_COMPUTE));
    router.compute(List.of(2L), List.of(operand.build(), result.build()));
    router.read(to, 0, 1);
  }
}
