// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import java.io.IOException;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever a worker says, those who use it are closed and told why, and clients of other workers go
 * on.
 */
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LyingWorkerIT {
  /** GET_ALIGNMENT of a device, with the framing of the router: a code, a length, a number. */
  private static final int QUESTION_BYTES = 6;

  private OurWorker honest;

  @BeforeAll
  void open() {
    honest = OurWorker.with("CPU");
  }

  @AfterAll
  void close() {
    honest.close();
    assertThat(honest.allocatedBytes()).as("bytes left").isZero();
  }

  private static Arguments lie(String what, String told, LyingWorker.Talk talk) {
    return Arguments.of(Named.of(what, talk), told);
  }

  static Stream<Arguments> lies() {
    return Stream.of(
        lie("an end instead of a HELLO", "closed the connection without an answer", _ -> {}),
        lie("half a HELLO", "ended", w -> w.say("1c00000000000000 08").hear(0)),
        lie(
            "version 7",
            "speaks RPC protocol 7.0.0",
            w -> w.say("0300000000000000 070000").hearAll()),
        lie("a HELLO of 2^64 - 1 bytes", "HELLO", w -> w.say("ff".repeat(8) + "00").hearAll()),
        lie(
            "a greeting of another service",
            "HELLO",
            w -> w.say("5353482d322e302d4f70656e").hearAll()),
        lie("nothing at all", "no answer to HELLO", LyingWorker.Wire::hearAll),
        lie("no welcome", "instead of saying what it keeps", LyingWorker.Wire::greet),
        lie("nothing behind its HELLO", "no answer to HELLO", w -> w.greet().hearAll()),
        lie(
            "a welcome of more than 2^63 bytes",
            "bytes for slots is",
            w -> w.greet().say("60 0b ffffffffffffffffff01 01").hearAll()),
        lie(
            "a welcome that is too long",
            "announces 65 bytes",
            w -> w.greet().say("60 41").hearAll()),
        lie(
            "a welcome with bytes behind",
            "too many",
            w -> w.greet().say("60 03 010101").hearAll()),
        lie(
            "an answer instead of a welcome",
            "answers what nobody has asked for",
            w -> w.greet().say("0f 04 01000000").hearAll()),
        lie(
            "an answer nobody asked for",
            "answers what nobody has asked for",
            w ->
                w.welcome()
                    .hear(QUESTION_BYTES)
                    .say("01 08 2000000000000000 0f 04 01000000")
                    .hearAll()),
        lie(
            "the answer to another command",
            "an answer to command 15 where one to GET_ALIGNMENT is due",
            w -> w.welcome().hear(QUESTION_BYTES).say("0f 04 01000000").hearAll()),
        lie(
            "an answer of another length",
            "announces 7 bytes but must have 8",
            w -> w.welcome().hear(QUESTION_BYTES).say("01 07 01000000000000").hearAll()),
        lie(
            "an answer of 2^64 - 1 bytes",
            "announces 18446744073709551615 bytes",
            w -> w.welcome().hear(QUESTION_BYTES).say("01 ffffffffffffffffff01").hearAll()),
        lie(
            "a second welcome",
            "ROUTE_WELCOME came a second time",
            w -> w.welcome().hear(QUESTION_BYTES).say("60 02 0101").hearAll()),
        lie(
            "an end in the middle of an answer",
            "ended",
            w -> w.welcome().hear(QUESTION_BYTES).say("01 08 0100")),
        lie(
            "an end instead of an answer",
            "closed the connection",
            w -> w.welcome().hear(QUESTION_BYTES)));
  }

  @ParameterizedTest
  @MethodSource("lies")
  void whenAWorkerLies_thenItsClientsAreClosedAndTheReasonIsTold(LyingWorker.Talk talk, String told)
      throws IOException {
    try (var liar = new LyingWorker(talk);
        var over = new RouterOver(liar.port(), honest.port());
        var other = PlainClient.of(over.router)) {
      assertThat(other.sum(1, 2, 3)).isEqualTo(5);
      try (var client = PlainClient.of(over.router)) {
        client.send(new RpcRequest.GetAlignment(0));
        client.awaitClosed();
      }
      await("the listener hears of it").until(() -> !over.events.failures().isEmpty());
      assertThat(over.events.failures())
          .singleElement()
          .asString()
          .startsWith("worker-0 ")
          .contains(told);
      assertThat(other.sum(1, 4, 5)).isEqualTo(9);
    }
    await("what the clients had is freed").until(() -> honest.allocatedBytes() == 0);
  }

  @Test
  void whenAWelcomeIsAbsurd_thenItIsAnsweredAsAnyOther() throws IOException {
    String most = "ffffffffffffffff7f"; // 2^63 - 1
    try (var liar =
            new LyingWorker(
                w ->
                    w.greet()
                        .say("60 12" + most + most)
                        .hear(QUESTION_BYTES)
                        .say("01 08 2000000000000000")
                        .hearAll());
        var over = new RouterOver(liar.port());
        var client = PlainClient.of(over.router)) {
      assertThat(client.ask(new RpcRequest.GetAlignment(0), RpcResponse.Alignment.class).bytes())
          .isEqualTo(32);
      assertThat(over.events.failures()).isEmpty();
    }
  }

  /** It says 0 to the graphs of one client, which it then knows for one command only. */
  @Test
  void whenAWorkerKeepsNoMoreGraphs_thenItIsToldEachTime() throws IOException {
    try (var full = OurWorker.configured(Map.of("graph-memory", "1Ki"));
        var over = new RouterOver(full.port());
        var client = PlainClient.of(over.router);
        var other = PlainClient.of(over.router)) {
      for (int i = 0; i < 20; i++) {
        assertThat(client.sum(0, i, 1)).isEqualTo(i + 1f);
        assertThat(other.sum(0, 2, i, 2)).isEqualTo(i + 2f);
      }
      assertThat(over.events.failures()).isEmpty();
    }
  }

  @Test
  void whenAWorkerHasNoRoomForAnyGraph_thenGraphsGoThePublicWay() throws IOException {
    try (var full = OurWorker.configured(Map.of("graph-memory", "800"));
        var over = new RouterOver(full.port());
        var client = PlainClient.of(over.router)) {
      for (int i = 0; i < 5; i++) {
        assertThat(client.sum(0, 8, i, 1)).isEqualTo(i + 1f);
      }
      assertThat(over.events.failures()).isEmpty();
    }
  }
}
