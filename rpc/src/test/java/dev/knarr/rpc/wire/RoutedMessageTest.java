// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The bytes of every message of docs/router-protocol.md, worked out by hand from its tables. */
class RoutedMessageTest {
  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text.replace(" ", ""));
  }

  private static Arguments golden(RpcRequest request, String frame, String data) {
    return Arguments.of(Named.of(request.toString(), request), frame, data);
  }

  static Stream<Arguments> requests() {
    return Stream.of(
        golden(new RouteRequest.Put(5, 300, 3, 4), "40 08  05 ac02 03", "0c 010203"),
        golden(new RouteRequest.Slot(7, 129, 0, 16, 5), "41 0a  07 8101 00 10", "42 000000fc"),
        golden(new RouteRequest.Write(7, 0), "42 01  07", ""),
        golden(new RouteRequest.Write(200, 1), "42 03  c801", "41"),
        golden(new RouteRequest.ForgetSlot(7), "43 01  07", ""),
        golden(new RouteRequest.Graph(1, 0, 3, 4), "44 07  01 00 03", "0c 0a0b0c"),
        golden(new RouteRequest.Graph(2, 2, 20_000, 3), "44 08  02 02 a09c01", "81f104"),
        golden(
            new RouteRequest.Bind(300, 1, 2, List.of(5L, 1000L)),
            "45 08  ac02 01 02 02 05 e807",
            ""),
        golden(new RouteRequest.Bind(0, 0, 0, List.of()), "45 04  00 00 00 00", ""),
        golden(new RouteRequest.Compute(300), "46 02  ac02", ""),
        golden(new RouteRequest.ForgetGraph(2), "47 01  02", ""),
        golden(
            new RouteRequest.Read(new Range(5, 4096, 1L << 32)), "48 08  05 8020 8080808010", ""),
        golden(new RouteRequest.Copy(new Range(5, 0, 64), 6, 128), "49 06  05 00 40 06 8001", ""),
        golden(
            new RouteRequest.Link(258, 0x0123456789abcdefL, 50_052, "10.0.0.7"),
            "4a 16  8202 efcdab8967452301 848703 08 31302e302e302e37",
            ""),
        golden(new RouteRequest.Push(258, new Range(5, 0, 64)), "4b 05  8202 05 00 40", ""),
        golden(new RouteRequest.Pull(1, new Range(6, 0, 64)), "4c 04  01 06 00 40", ""),
        golden(new RouteRequest.Tensor(3), "4d 03", "010203"),
        golden(
            new RouteRequest.Offer(new Range(5, 4096, 1024), 0x0123456789abcdefL),
            "50 0d  05 8020 8008 efcdab8967452301",
            ""),
        golden(
            new RouteRequest.Weights(new Range(5, 0, 3), 0x0123456789abcdefL),
            "51 0e  05 00 03 efcdab8967452301",
            "010203"),
        golden(new RouteRequest.Adopted(300), "52 02  ac02", ""),
        golden(new RpcRequest.DeviceCount(), "0f 00", ""),
        golden(new RpcRequest.FreeBuffer(2), "04 08  0200000000000000", ""));
  }

  static Stream<Arguments> answers() {
    return Stream.of(
        Arguments.of(new RouteRequest.Graph(0, 0, 0, 0), "44 01  01", keptAs(true)),
        Arguments.of(new RouteRequest.Graph(0, 0, 0, 0), "44 01  00", keptAs(false)),
        Arguments.of(
            new RouteRequest.Link(0, 0, 1, "h"), "4a 01  01", new RouteResponse.Linked(true)),
        Arguments.of(
            new RouteRequest.Link(0, 0, 1, "h"), "4a 01  00", new RouteResponse.Linked(false)),
        Arguments.of(
            new RouteRequest.Offer(new Range(1, 0, 1), 2),
            "50 01  01",
            new RouteResponse.Offered(true)),
        Arguments.of(new RouteRequest.Adopted(1), "52 01  00", new RouteResponse.Adopted(false)),
        Arguments.of(
            new RpcRequest.DeviceCount(), "0f 04  02000000", new RpcResponse.DeviceCounted(2)));
  }

  private static RouteResponse keptAs(boolean kept) {
    return new RouteResponse.GraphKept(kept);
  }

  @Nested
  class GivenRequests {
    @ParameterizedTest
    @MethodSource("dev.knarr.rpc.wire.RoutedMessageTest#requests")
    void whenSent_thenTheBytesAreThoseOfTheDocument(RpcRequest request, String frame, String data)
        throws IOException {
      assertThat(RoutedTalk.written(request, hex(data))).asHexString().isEqualTo(text(frame, data));
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.rpc.wire.RoutedMessageTest#requests")
    void whenReceived_thenTheyAreWhatWasSent(RpcRequest request, String frame, String data)
        throws IOException {
      assertThat(RoutedTalk.read(hex(frame + data)))
          .singleElement()
          .satisfies(
              said -> {
                assertThat(said.request()).isEqualTo(request);
                assertThat(said.data()).isEqualTo(hex(data));
              });
    }

    @Test
    void whenTheyComeOneBehindTheOther_thenEachEndsWhereTheNextBegins() throws IOException {
      byte[] all =
          requests()
              .map(golden -> hex("" + golden.get()[1] + golden.get()[2]))
              .reduce(new byte[0], RoutedTalk::joined);

      assertThat(RoutedTalk.read(all).stream().map(said -> said.request().command()))
          .containsExactlyElementsOf(
              requests()
                  .map(golden -> RpcCommand.ofCode(hex("" + golden.get()[1])[0]).get())
                  .toList());
    }

    @Test
    void whenEveryCommandIsLookedFor_thenEachOfARouterHasItsBytesHere() {
      assertThat(requests().map(golden -> RpcCommand.ofCode(hex("" + golden.get()[1])[0]).get()))
          .containsAll(
              Arrays.stream(RpcCommand.values())
                  .filter(command -> command.routed() && !command.notice())
                  .toList());
    }
  }

  @Nested
  class GivenAnswers {
    @ParameterizedTest
    @MethodSource("dev.knarr.rpc.wire.RoutedMessageTest#answers")
    void whenReceived_thenTheyAreUnderstood(RpcRequest asked, String frame, RpcResponse understood)
        throws IOException {
      try (var router = RoutedTalk.router(hex(frame))) {
        router.send(asked);

        assertThat(router.next())
            .isEqualTo(new RpcClientChannel.Reply(asked.command(), understood));
      }
    }

    @Test
    void whenTheyAreData_thenTheyHaveCodeAndLengthBeforeThem() throws IOException {
      try (var router = RoutedTalk.router(hex("48 03 0a0b0c 60 08 80808020 80808010"))) {
        router.send(new RouteRequest.Read(new Range(1, 0, 3)));
        var data = ByteBuffer.allocate(3);

        assertThat(router.next())
            .isEqualTo(
                new RpcClientChannel.Reply(RpcCommand.ROUTE_READ, new RpcResponse.TensorData(3)));
        router.receiveData(data);

        assertThat(data.array()).isEqualTo(hex("0a0b0c"));
        assertThat(router.next())
            .isEqualTo(
                new RpcClientChannel.Reply(
                    RpcCommand.ROUTE_WELCOME, new RouteResponse.Welcome(64 << 20, 32 << 20)));
        assertThat(router.next()).isNull();
      }
    }

    @Test
    void whenAWorkerGivesThem_thenTheBytesAreThoseOfTheDocument() throws IOException {
      var talk =
          ScriptedByteChannel.of(hex("0e 1800000000000000 " + "00".repeat(24) + "44 03 000000"));
      try (var worker =
          RpcServerChannel.over(
              talk, RoutedTalk.LIMITS, MessageBudget.unlimited(), FrameMeter.NONE)) {
        worker.readRequest();
        worker.speakToRouter();
        worker.notice(RpcCommand.ROUTE_WELCOME, new RouteResponse.Welcome(64 << 20, 32 << 20));
      }
      assertThat(talk.written()).asHexString().isEqualTo(text("60 08 80808020 80808010", ""));
    }
  }

  private static String text(String frame, String data) {
    return HexFormat.of().withUpperCase().formatHex(hex(frame + data));
  }
}
