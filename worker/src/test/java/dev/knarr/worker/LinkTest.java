// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.certs.Leaf;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse.CommInitialized;
import dev.knarr.rpc.transport.TlsCredentials;
import dev.knarr.rpc.transport.TlsFiles;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.testkit.peers.LlamaCppTree;
import dev.knarr.testkit.peers.TestAuthority;
import dev.knarr.testkit.peers.TestAuthority.Issued;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a link between two workers demands of either, and what a client cannot do with one. */
class LinkTest {
  @TempDir private static Path folder;

  private static TestAuthority authority;
  private static Issued one;
  private static Issued other;
  private static Transport client;

  @BeforeAll
  static void issue() {
    authority = TestAuthority.make(folder, "ca");
    one = authority.issue("one");
    other = authority.issue("other");
    var own = authority.issue("client");
    client =
        TlsCredentials.load(
            new TlsFiles(own.certificate(), own.key(), authority.certificate()),
            Duration.ofSeconds(10),
            TlsCredentials.Renewal.NONE);
  }

  private static TestConfig with(Issued certificate) {
    return TestConfig.withDevices("CPU").withTls(certificate.certificate(), certificate.key());
  }

  private static void ask(RawClient worker, int rank, int port, String host) throws IOException {
    worker.channel().send(new RpcRequest.CommInit(0, rank, 2, port, host));
    worker.channel().flush();
  }

  private static boolean answer(RawClient worker) throws IOException {
    return worker.channel().receive(CommInitialized.class).ok();
  }

  private static long joins(RunningWorker worker, String result) {
    return worker.count(WorkerMetrics.LINKS, "result", result);
  }

  private static float[] reduced(RawClient first, RawClient second) throws IOException {
    var here = first.f32(first.allocate(0, 64), 0, 2, 1).build();
    var there = second.f32(second.allocate(0, 64), 0, 2, 1).build();
    first.write(here, 1f, 2f);
    second.write(there, 10f, 20f);
    first.channel().send(new RpcRequest.CommAllreduce(0, here));
    first.channel().flush();
    second.channel().send(new RpcRequest.CommAllreduce(0, there));
    second.channel().flush();
    assertThat(second.read(there)).containsExactly(11, 22);
    return first.read(here);
  }

  @Nested
  class GivenWorkersWithTls {
    @Test
    void whenBothTrustTheSameCa_thenTheLinkIsMadeByTls() throws IOException {
      try (var zero = RunningWorker.configured(with(one).withClientCa(authority.certificate()));
          var rest = RunningWorker.configured(with(other).withClientCa(authority.certificate()));
          var first = RawClient.to(zero.port(), "localhost", client);
          var second = RawClient.to(rest.port(), "localhost", client)) {
        int port = LlamaCppTree.freePort();

        ask(first, 0, port, "");
        ask(second, 1, port, "127.0.0.1");

        assertThat(answer(second)).isTrue();
        assertThat(answer(first)).isTrue();
        assertThat(reduced(first, second)).containsExactly(11, 22);
        // The client's and the link's.
        assertThat(zero.count(WorkerMetrics.HANDSHAKES, "result", "done")).isEqualTo(2);
      }
    }

    @Test
    void whenTheHostIsNotInTheCertificate_thenThereIsNoLink() throws IOException {
      var elsewhere =
          authority.issue(
              Leaf.ofPeer("elsewhere", List.of("elsewhere"), List.of(), TestAuthority.LIFE));
      try (var zero =
              RunningWorker.configured(with(elsewhere).withClientCa(authority.certificate()));
          var rest = RunningWorker.configured(with(other).withClientCa(authority.certificate()));
          var first = RawClient.to(zero.port(), "elsewhere", client);
          var second = RawClient.to(rest.port(), "localhost", client)) {
        int port = LlamaCppTree.freePort();

        ask(first, 0, port, "");
        ask(second, 1, port, "127.0.0.1");

        assertThat(answer(second)).isFalse();
        assertThat(answer(first)).isFalse();
        assertThat(joins(rest, "no_peer")).isOne();
      }
    }

    @Test
    void whenTheOtherIsPlain_thenThereIsNoLinkAndBothServeOn() throws IOException {
      try (var zero = RunningWorker.configured(with(one).withClientCa(authority.certificate()));
          var rest = RunningWorker.with("CPU");
          var first = RawClient.to(zero.port(), "localhost", client);
          var second = RawClient.to(rest.port())) {
        int port = LlamaCppTree.freePort();

        ask(first, 0, port, "");
        ask(second, 1, port, "127.0.0.1");

        assertThat(answer(second)).isFalse();
        assertThat(answer(first)).isFalse();
        assertThat(first.sum(0, 2, 3)).isEqualTo(5);
        assertThat(second.sum(0, 2, 3)).isEqualTo(5);
      }
    }

    @Test
    void whenAWorkerKnowsNoCa_thenItMakesNoLink() throws IOException {
      try (var worker = RunningWorker.configured(with(one));
          var served = RawClient.to(worker.port(), "localhost", client)) {
        ask(served, 0, LlamaCppTree.freePort(), "");

        assertThat(answer(served)).isFalse();
        assertThat(joins(worker, "no_authority")).isOne();
      }
    }
  }

  @Nested
  class GivenAClientThatNamesOtherPlaces {
    @ParameterizedTest
    @ValueSource(
        strings = {
          "0.0.0.0",
          "224.0.0.1",
          "169.254.169.254",
          "255.255.255.255.1",
          "nowhere.invalid"
        })
    void whenNoWorkerCanBeThere_thenTheAnswerIsNo(String host) throws IOException {
      try (var worker = RunningWorker.with("CPU");
          var served = RawClient.to(worker.port())) {
        ask(served, 1, 51_052, host);

        assertThat(answer(served)).isFalse();
        assertThat(served.sum(0, 2, 3)).isEqualTo(5);
      }
    }

    @Test
    void whenThePortIsThatOfAService_thenNobodyConnectsThere() throws IOException {
      try (var worker = RunningWorker.with("CPU");
          var served = RawClient.to(worker.port())) {
        ask(served, 1, 22, "127.0.0.1");

        assertThat(answer(served)).isFalse();
        assertThat(joins(worker, "not_allowed")).isOne();
      }
    }

    /** A scanner must not learn from the answer that something is there. */
    @Test
    void whenAServiceGreetsThere_thenTheAnswerIsTheSameAsIfThereWereNone() throws Exception {
      try (var service = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
          var worker = RunningWorker.with("CPU");
          var served = RawClient.to(worker.port())) {
        var greeter =
            Thread.ofVirtual()
                .start(
                    () -> {
                      while (!service.isClosed()) {
                        greet(service);
                      }
                    });
        ask(served, 1, service.getLocalPort(), "127.0.0.1");

        assertThat(answer(served)).isFalse();
        assertThat(joins(worker, "no_peer")).isOne();
        service.close();
        greeter.join();
      }
    }

    private static void greet(ServerSocket service) {
      try (Socket caller = service.accept()) {
        caller
            .getOutputStream()
            .write("SSH-2.0-OpenSSH_10.0p2 Debian-7\r\n".getBytes(StandardCharsets.US_ASCII));
        Objects.requireNonNull(caller.getInputStream()).readNBytes(24);
      } catch (IOException _) {
        // The caller has heard enough, or the test is over.
      }
    }
  }

  @Nested
  class GivenAWorkerThatWaitsForAnother {
    @Test
    void whenStrangersKnock_thenTheRightOneStillGetsIn() throws IOException {
      try (var zero = RunningWorker.with("CPU");
          var rest = RunningWorker.with("CPU");
          var first = RawClient.to(zero.port());
          var second = RawClient.to(rest.port())) {
        int port = LlamaCppTree.freePort();
        ask(first, 0, port, "");
        knock(port);

        ask(second, 1, port, "127.0.0.1");

        assertThat(answer(second)).isTrue();
        assertThat(answer(first)).isTrue();
        assertThat(reduced(first, second)).containsExactly(11, 22);
      }
    }

    private static void knock(int port) {
      await("the worker listens")
          .atMost(Duration.ofSeconds(10))
          .ignoreExceptions()
          .until(
              () -> {
                try (var stranger = new Socket(InetAddress.getLoopbackAddress(), port)) {
                  return stranger.isConnected();
                }
              });
    }

    @Test
    void whenTheWorkerStops_thenItDoesNotWaitForTheOther() throws IOException {
      long start = System.nanoTime();
      var worker = RunningWorker.with("CPU");
      try (var served = RawClient.to(worker.port())) {
        ask(served, 0, LlamaCppTree.freePort(), "");
      } finally {
        worker.close();
      }

      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(9));
    }

    @Test
    void whenAReductionWaitsAndTheWorkerStops_thenItIsEnded() throws IOException {
      var zero = RunningWorker.with("CPU");
      try (var rest = RunningWorker.with("CPU");
          var first = RawClient.to(zero.port());
          var second = RawClient.to(rest.port())) {
        int port = LlamaCppTree.freePort();
        ask(first, 0, port, "");
        ask(second, 1, port, "127.0.0.1");
        assertThat(answer(second)).isTrue();
        assertThat(answer(first)).isTrue();
        var here = first.f32(first.allocate(0, 64), 0, 2, 1).build();
        first.channel().send(new RpcRequest.CommAllreduce(0, here));
        first.channel().flush();

        zero.close();

        first.awaitClosed();
        assertThat(second.sum(0, 2, 3)).isEqualTo(5);
      }
    }
  }
}
