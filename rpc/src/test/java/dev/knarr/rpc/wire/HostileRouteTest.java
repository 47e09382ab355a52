// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.FRAME_SIZE;
import static dev.knarr.rpc.ProtocolFault.FRAME_TOO_LARGE;
import static dev.knarr.rpc.ProtocolFault.HELLO_EXPECTED;
import static dev.knarr.rpc.ProtocolFault.TRUNCATED;
import static dev.knarr.rpc.ProtocolFault.UNEXPECTED_RESPONSE;
import static dev.knarr.rpc.ProtocolFault.UNKNOWN_COMMAND;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import java.io.IOException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever a router says to a worker, or a worker to a router: a typed fault, nothing else. */
class HostileRouteTest {
  private static final String MOST = "ffffffffffffffffff01"; // 2^64 - 1

  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text.replace(" ", ""));
  }

  @Nested
  class GivenAWorker {
    private ProtocolFault fault(String stream) {
      return thrown(hex(stream)).fault();
    }

    private RpcProtocolException thrown(byte[] stream) {
      return catchThrowableOfType(RpcProtocolException.class, () -> RoutedTalk.read(stream));
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.rpc.wire.RoutedMessageTest#requests")
    void whenAMessageIsCutOff_thenItIsTruncated(RpcRequest request, String frame, String data) {
      byte[] whole = hex(frame + data);
      for (int bytes = 1; bytes < whole.length; bytes++) {
        assertThat(thrown(Arrays.copyOf(whole, bytes)).fault())
            .as("%d", bytes)
            .isEqualTo(TRUNCATED);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.rpc.wire.RoutedMessageTest#requests")
    void whenAByteIsAnother_thenItIsTakenOrRefusedByAType(
        RpcRequest request, String frame, String data) throws IOException {
      var random = new Random(11);
      for (int round = 0; round < 500; round++) {
        byte[] bytes = hex(frame + data + "0f00");
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 + random.nextInt(255));
        try {
          RoutedTalk.read(bytes);
        } catch (RpcProtocolException e) {
          assertThat(e).hasMessageMatching("(?s).{10,}");
        }
      }
    }

    @ParameterizedTest
    @CsvSource({
      "42 00, BAD_FIELD", // no slot
      "40 02 0500, BAD_FIELD", // no length
      "46 00, BAD_FIELD",
      "43 02 0700, FRAME_SIZE",
      "46 03 010000, FRAME_SIZE",
      "47 02 0101, FRAME_SIZE",
      "48 04 05000100, FRAME_SIZE",
      "49 06 050040060000, FRAME_SIZE",
      "4b 05 0105004000, FRAME_SIZE",
      "4c 05 0105004000, FRAME_SIZE",
      "45 05 0000000000, FRAME_SIZE",
      "45 06 000000030506, BAD_FIELD", // three buffers are said, two are there
      "45 04 00000041, OUT_OF_RANGE", // 65 buffers
      "4a 08 0101020304050607, FRAME_SIZE", // a token of seven bytes
      "4a 0c 01 0101020304050607 01 04 68, FRAME_SIZE", // a host of four
      "4a 0d 01 0101020304050607 808004 00, OUT_OF_RANGE", // port 65536
      "4a 0d 01 0101020304050607 01 fe01 00, OUT_OF_RANGE", // a host of 254
      "4a 0e 808004 0101020304050607 01 01 68, OUT_OF_RANGE", // link 65536, which no HELLO can say
      "4a 0d 01 0101020304050607 01 01 6868, FRAME_SIZE",
      "50 0a 05000101020304050607, FRAME_SIZE", // a hash of seven bytes
      "50 0c 050001010203040506070800, FRAME_SIZE",
      "51 0c 050002010203040506070800, FRAME_SIZE", // weights of two bytes with one
      "51 0d 05000101020304050607080000, FRAME_SIZE", // weights of one byte with two
      "52 02 0100, FRAME_SIZE"
    })
    void whenFieldsAreTooManyOrTooFew_thenItIsRefused(String stream, ProtocolFault fault) {
      assertThat(fault(stream)).isEqualTo(fault);
    }

    @ParameterizedTest
    @ValueSource(
        strings = {
          "40 0c 00 00" + MOST,
          "40 06 00 00 81808002", // one byte more than 4 MiB
          "41 07 00 00 00 81808002",
          "44 06 00 00 81808008", // one more than 16 MiB
          "40 0c " + MOST + "0000",
          "42 0a " + MOST,
          "42 05 8080808008", // slot 2^31
          "46 05 8080808008",
          "48 0c 00 00 " + MOST
        })
    void whenNumbersAreHuge_thenTheyAreOutOfRange(String stream) {
      assertThat(fault(stream)).isEqualTo(ProtocolFault.OUT_OF_RANGE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"46 0b 8080808080808080808000", "46 0a ffffffffffffffffff02"})
    void whenANumberHasMoreThan64Bits_thenItIsNone(String stream) {
      assertThat(fault(stream)).isEqualTo(BAD_FIELD);
    }

    @ParameterizedTest
    @ValueSource(ints = {64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 80, 81, 82})
    void whenALengthIsHuge_thenNothingIsReadOfIt(int code) {
      String command = HexFormat.of().toHexDigits((byte) code);
      for (String length : new String[] {MOST, "ffffffffffffffff7f", "8080808080808001"}) {
        assertThat(fault(command + length)).isEqualTo(FRAME_TOO_LARGE);
      }
    }

    @ParameterizedTest
    @ValueSource(strings = {"4e", "5f", "7f", "80", "ff", "17"})
    void whenTheCommandIsUnknown_thenItIsRefused(String code) {
      assertThat(fault(code + "00")).isEqualTo(UNKNOWN_COMMAND);
    }

    @Test
    void whenItIsANoticeOrAnotherHello_thenItIsRefused() {
      assertThat(fault("60 02 0101")).isEqualTo(UNKNOWN_COMMAND);
      assertThat(fault("0e 18 " + "00".repeat(24))).isEqualTo(HELLO_EXPECTED);
    }

    @Test
    void whenNothingWasAgreed_thenItsCommandsDoNotExist() throws IOException {
      byte[] plain = hex("0e 1800000000000000 " + "00".repeat(24) + "46 0100000000000000 01");
      try (var worker =
          RpcServerChannel.over(
              ScriptedByteChannel.of(plain),
              RoutedTalk.LIMITS,
              MessageBudget.unlimited(),
              FrameMeter.NONE)) {
        worker.readRequest();

        assertThat(catchThrowableOfType(RpcProtocolException.class, worker::readRequest).fault())
            .isEqualTo(UNKNOWN_COMMAND);
      }
    }
  }

  @Nested
  class GivenARouter {
    private ProtocolFault fault(RpcRequest asked, String stream) throws IOException {
      try (var router = RoutedTalk.router(hex(stream))) {
        router.send(asked);
        return catchThrowableOfType(RpcProtocolException.class, router::next).fault();
      }
    }

    @Test
    void whenAnAnswerIsToSomethingElse_thenItIsRefused() throws IOException {
      assertThat(fault(new RpcRequest.DeviceCount(), "48 04 01000000"))
          .isEqualTo(UNEXPECTED_RESPONSE);
      assertThat(fault(new RpcRequest.FreeBuffer(1), "0f 04 01000000"))
          .isEqualTo(UNEXPECTED_RESPONSE);
      assertThat(fault(new RpcRequest.DeviceCount(), "61 00")).isEqualTo(UNEXPECTED_RESPONSE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"48 02", "48 04", "48 00", "48 " + MOST})
    void whenAnAnswerHasAnotherLength_thenItIsRefused(String stream) throws IOException {
      assertThat(fault(new RouteRequest.Read(new Range(1, 0, 3)), stream)).isEqualTo(FRAME_SIZE);
    }

    @ParameterizedTest
    @CsvSource({
      "60 41, FRAME_SIZE", // more than any notice has
      "60 ffffffffffffffffff01, FRAME_SIZE",
      "60 01 05, BAD_FIELD",
      "60 00, BAD_FIELD",
      "60 0b 01ffffffffffffffffff01, OUT_OF_RANGE",
      "60 03 010100, FRAME_SIZE", // a byte too many
      "60 02 01, TRUNCATED",
      "60 80, TRUNCATED"
    })
    void whenANoticeIsWrong_thenItIsRefused(String stream, ProtocolFault fault) throws IOException {
      assertThat(fault(new RpcRequest.DeviceCount(), stream)).isEqualTo(fault);
    }
  }
}
