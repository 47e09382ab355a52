// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static dev.knarr.worker.HostileRouterTest.awaitConnections;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Pull;
import dev.knarr.rpc.RouteRequest.Push;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RpcRequest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What another worker may say to this one, and what a router may have this one do to others. */
class HostilePeerTest {
  private static final int LINK = 3;
  private static final byte[] CONTENT = {1, 2, 3, 4};

  private RunningWorker worker;
  private RawClient witness;
  private RawRouter router;
  private long buffer;

  @BeforeEach
  void open() throws IOException {
    worker = RunningWorker.configured(TestConfig.withDevices("CPU").with("message-timeout", "2s"));
    witness = RawClient.to(worker.port());
    router = RawRouter.to(worker.port());
    buffer = router.client().allocate(0, 64).handle();
  }

  @AfterEach
  void close() throws IOException {
    assertThat(witness.sum(0, 2, 3)).isEqualTo(5);
    router.close();
    awaitConnections(worker, 1);
    witness.close();
    worker.close();
  }

  /** The session waits for a tensor of four bytes. */
  private void pull() throws IOException {
    router.send(new Pull(LINK, new Range(buffer, 0, 4)));
  }

  private RawRouter peer() throws IOException {
    var peer = RawRouter.peer(worker.port(), LINK, router.token());
    assertThat(peer.granted()).isPresent();
    return peer;
  }

  private long refused(String fault) {
    return worker.count(WorkerMetrics.REJECTED, "fault", fault);
  }

  private void requireRouterRefused(String fault) throws IOException {
    router.client().awaitClosed();
    awaitConnections(worker, 1);
    assertThat(refused(fault)).isOne();
    assertThat(worker.count(WorkerMetrics.REJECTED)).isOne();
  }

  private void requireRouterServed() throws IOException {
    router.requireServed(0);
    assertThat(worker.count(WorkerMetrics.REJECTED)).isZero();
  }

  /** Something that a peer says instead of the four bytes that it should bring. */
  @FunctionalInterface
  interface Lie {
    void tell(RawRouter peer) throws IOException;
  }

  static Stream<Arguments> lies() {
    return Stream.of(
        lie("too few bytes", "link_lost", p -> p.send(new RouteRequest.Tensor(3), new byte[3])),
        lie("too many bytes", "link_lost", p -> p.send(new RouteRequest.Tensor(5), new byte[5])),
        lie("no bytes", "link_lost", p -> p.send(new RouteRequest.Tensor(0))),
        lie("another command", "link_lost", p -> p.send(new RouteRequest.Write(1, 0))),
        lie(
            "a public command",
            "link_lost",
            p -> {
              p.client().channel().send(new RpcRequest.DeviceCount());
              p.client().channel().flush();
            }),
        lie("an end", "link_lost", p -> p.client().endSending()),
        lie("a reset", "link_lost", p -> p.client().reset()),
        lie(
            "an end inside a tensor",
            "truncated",
            p -> {
              p.client().sendBytes(new byte[] {77, 4, 1});
              p.client().endSending();
            }),
        lie(
            "an end inside a head",
            "truncated",
            p -> {
              p.client().sendBytes(new byte[] {77});
              p.client().endSending();
            }),
        lie(
            "a command that does not exist",
            "unknown_command",
            p -> p.client().sendBytes(new byte[] {127, 0})),
        lie(
            "a tensor of all there is",
            "frame_too_large",
            p -> p.client().sendBytes(new byte[] {77, -1, -1, -1, -1, -1, -1, -1, 0x7f})),
        lie(
            "another HELLO",
            "hello_expected",
            p -> p.client().sendBytes(Arrays.copyOf(new byte[] {14, 24}, 26))));
  }

  private static Arguments lie(String what, String fault, Lie lie) {
    return Arguments.of(Named.of(what, lie), fault);
  }

  @Nested
  class GivenAPeerOfASession {
    @ParameterizedTest
    @MethodSource("dev.knarr.worker.HostilePeerTest#lies")
    void whenItSaysSomethingElseThanTheTensor_thenTheSessionEndsAndNoOther(Lie lie, String fault)
        throws IOException {
      try (var peer = peer()) {
        pull();
        lie.tell(peer);

        requireRouterRefused(fault);
      }
    }

    @Test
    void whenItStopsInsideATensor_thenTheSessionEndsInTime() throws IOException {
      try (var peer = peer()) {
        pull();
        peer.client().sendBytes(new byte[] {77, 4, 1});

        router.client().awaitClosed();
        awaitConnections(worker, 1);
        assertThat(refused("timeout")).isOne();
      }
    }

    @Test
    void whenAnotherComesForTheSameLink_thenItTakesThePlaceOfTheFirst() throws IOException {
      try (var first = peer();
          var second = peer()) {
        first.client().awaitClosed();
        pull();
        second.send(new RouteRequest.Tensor(4), CONTENT);

        assertThat(router.read(new Range(buffer, 0, 4))).isEqualTo(CONTENT);
        requireRouterServed();
      }
    }

    @Test
    void whenThereAreTooMany_thenTheLastAreTurnedAwayAndTheFirstServed() throws IOException {
      try (var peer = peer()) {
        for (int link = 100; link < 200; link++) {
          try (var other = RawRouter.peer(worker.port(), link, router.token())) {
            other.granted();
          } catch (IOException | RuntimeException _) {
            // Turned away.
          }
        }
        pull();
        peer.send(new RouteRequest.Tensor(4), CONTENT);

        assertThat(router.read(new Range(buffer, 0, 4))).isEqualTo(CONTENT);
        requireRouterServed();
      }
    }

    @Test
    void whenTheSessionEnds_thenItsConnectionEndsToo() throws IOException {
      try (var peer = peer()) {
        router.close();

        peer.client().awaitClosed();
        awaitConnections(worker, 1);
      }
    }
  }

  @Nested
  class GivenAPeerWithoutASession {
    @ParameterizedTest
    @ValueSource(longs = {0, 1, -1, Long.MIN_VALUE})
    void whenItsTokenIsWrong_thenItIsToldSoAndClosed(long token) throws IOException {
      try (var stranger = RawRouter.peer(worker.port(), LINK, token)) {
        assertThat(stranger.granted()).isEmpty();
        stranger.client().awaitClosed();
      }
      requireRouterServed();
    }
  }

  @Nested
  class GivenASessionThatWaitsForAPeer {
    @Test
    void whenAnEndHasAnotherToken_thenItWaitsOn() throws IOException {
      try (var peer = peer()) {
        pull();

        RawRouter.end(worker.port(), router.token() + 1);
        RawRouter.end(worker.port(), 0);
        peer.send(new RouteRequest.Tensor(4), CONTENT);

        assertThat(router.read(new Range(buffer, 0, 4))).isEqualTo(CONTENT);
        requireRouterServed();
      }
    }

    @Test
    void whenAnEndHasItsToken_thenItEndsInOrder() throws IOException {
      try (var peer = peer()) {
        pull();

        RawRouter.end(worker.port(), router.token());

        router.client().awaitClosed();
        peer.client().awaitClosed();
        awaitConnections(worker, 1);
        assertThat(worker.count(WorkerMetrics.REJECTED)).isZero();
      }
    }

    @Test
    void whenItsRouterVanishes_thenAnEndFreesAllThatItHad() throws IOException {
      try (var peer = peer()) {
        pull();
        router.client().reset();

        RawRouter.end(worker.port(), router.token());

        peer.client().awaitClosed();
        awaitConnections(worker, 1);
        await("its buffer's end")
            .until(() -> worker.worker().devices().getFirst().allocatedBytes() == 0);
      }
    }
  }

  @Nested
  class GivenARouterThatNamesOtherPlaces {
    @ParameterizedTest
    @ValueSource(
        strings = {
          "0.0.0.0",
          "224.0.0.1",
          "169.254.169.254",
          "255.255.255.255.1",
          "nowhere.invalid",
          "[::",
          "::1%9",
          "fe80::1%nothing",
          "a b",
          "\0",
          "\u00e9.invalid",
          "."
        })
    void whenNoWorkerCanBeThere_thenTheAnswerIsNo(String host) throws IOException {
      assertThat(router.link(1, 2, 50_052, host)).isFalse();
      requireRouterServed();
    }

    @Test
    void whenThePortIsNone_thenTheAnswerIsNo() throws IOException {
      assertThat(router.link(1, 2, 0, "127.0.0.1")).isFalse();
      requireRouterServed();
    }

    @Test
    void whenNobodyThereKnowsTheToken_thenTheAnswerIsNo() throws IOException {
      assertThat(router.link(1, 2, worker.port(), "127.0.0.1")).isFalse();
      requireRouterServed();
    }

    @Test
    void whenSomethingThereSaysNothing_thenTheAnswerIsNoAfterAWhile() throws IOException {
      try (var silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
        assertThat(router.link(1, 2, silent.getLocalPort(), "127.0.0.1")).isFalse();
      }
      requireRouterServed();
    }

    @Test
    void whenOneLinkIsMadeAgainAndAgain_thenOnlyTheLastIsOpen() throws IOException {
      try (var target = RawRouter.to(worker.port())) {
        for (int i = 0; i < 100; i++) {
          assertThat(router.link(LINK, target.token(), worker.port(), "127.0.0.1")).isTrue();
        }
        awaitConnections(worker, 4);
        long there = target.client().allocate(0, 64).handle();
        target.send(new Pull(LINK, new Range(there, 8, 4)));
        byte[] steps = RawRouter.raw(CONTENT);
        router.send(new RouteRequest.Put(buffer, 0, 4, steps.length), steps);
        router.send(new Push(LINK, new Range(buffer, 0, 4)));

        assertThat(target.read(new Range(there, 8, 4))).isEqualTo(CONTENT);
      }
      requireRouterServed();
    }

    @Test
    void whenTheOtherEndGoesAway_thenAPushEndsTheSession() throws IOException {
      try (var target = RawRouter.to(worker.port())) {
        assertThat(target.granted().orElseThrow().features()).contains(RouteFeature.DIRECT_COPIES);
        assertThat(router.link(LINK, target.token(), worker.port(), "127.0.0.1")).isTrue();
      }
      awaitConnections(worker, 2);
      for (int i = 0; i < 100; i++) {
        router.client().channel().send(new Push(LINK, new Range(buffer, 0, 64)));
      }
      try {
        router.client().channel().flush();
      } catch (IOException _) {
        // The worker has closed already.
      }
      requireRouterRefused("link_lost");
    }

    @Test
    void whenAPushIsNeverTaken_thenAnEndEndsIt() throws IOException {
      long large = router.client().allocate(0, 64 << 20).handle();
      try (var target = RawRouter.to(worker.port())) {
        assertThat(router.link(LINK, target.token(), worker.port(), "127.0.0.1")).isTrue();
        router.send(new Push(LINK, new Range(large, 0, 64 << 20)));

        RawRouter.end(worker.port(), router.token());

        router.client().awaitClosed();
        assertThat(target.client().sum(0, 2, 3)).isEqualTo(5);
      }
    }
  }
}
