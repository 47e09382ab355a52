// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.testkit.CapturedSession;
import dev.knarr.testkit.CapturedSession.Connection;
import dev.knarr.testkit.CapturedSession.Message;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FrameScannerTest {
  private final WireLimits limits = WireLimits.defaults();
  private final ResponseTracker tracker = new ResponseTracker(limits);
  private final List<ScannedFrame> frames = new ArrayList<>();
  private final List<String> names = new ArrayList<>();
  private final List<Long> metered = new ArrayList<>();
  private final FrameMeter meter = (_, _, bytes) -> metered.add(bytes);
  private final FrameListener listener =
      (frame, scanner) -> {
        frames.add(frame);
        names.add(scanner.tensor().map(tensor -> tensor.name()).orElse(""));
      };
  private FrameScanner requests = FrameScanner.requests(limits, tracker, meter, listener);
  private FrameScanner responses = FrameScanner.responses(limits, tracker, meter, listener);

  @Nested
  class GivenARecordedConnection {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 9, 17, 255, 305, 4096, 65536, Integer.MAX_VALUE})
    void whenItPassesInChunksOfOneSize_thenTheFramesAreThoseOfTheIndex(int size) {
      for (CapturedSession session : CapturedSession.all()) {
        session.connections().forEach(connection -> agree(connection, () -> size));
      }
    }

    @Test
    void whenItPassesInRandomChunks_thenTheFramesAreThoseOfTheIndex() {
      long seed = System.nanoTime();
      Random random = new Random(seed);
      for (CapturedSession session : CapturedSession.all()) {
        session
            .connections()
            .forEach(connection -> agree(connection, () -> 1 + random.nextInt(1000)));
      }
    }

    private void agree(Connection connection, IntSupplier chunk) {
      requests = FrameScanner.requests(limits, tracker, meter, listener);
      responses = FrameScanner.responses(limits, tracker, meter, listener);
      frames.clear();
      names.clear();
      metered.clear();
      for (Message message : connection.messages()) {
        feed(requests, message.requestFrame(), chunk);
        feed(responses, message.responseFrame(), chunk);
      }

      List<ScannedFrame> expected = new ArrayList<>();
      for (Message message : connection.messages()) {
        RpcCommand command = RpcCommand.valueOf(message.command());
        expected.add(expectedRequest(command, message));
        if (message.responseFrame().length > 0) {
          expected.add(
              new ScannedFrame(command, Direction.RESPONSE, message.responseFrame().length, -1, 0));
        }
      }
      assertThat(frames).as("%s", connection).isEqualTo(expected);
      assertThat(metered).isEqualTo(expected.stream().map(ScannedFrame::bytes).toList());
      assertThat(metered.stream().mapToLong(Long::longValue).sum())
          .isEqualTo((long) connection.requests().length + connection.responses().length);
      assertThat(names).containsAll(namesOf(connection));
      assertThat(tracker.size()).isZero();
      assertThat(requests.atFrameBoundary()).isTrue();
      assertThat(responses.atFrameBoundary()).isTrue();
    }

    private static ScannedFrame expectedRequest(RpcCommand command, Message message) {
      var fields = message.fields();
      boolean graph = command == RpcCommand.GRAPH_COMPUTE || command == RpcCommand.GRAPH_RECOMPUTE;
      return new ScannedFrame(
          command,
          Direction.REQUEST,
          message.requestFrame().length,
          fields.path("device").asInt(-1),
          graph ? fields.get("uid").asLong() : 0);
    }

    private static List<String> namesOf(Connection connection) {
      return connection.messages().stream()
          .map(message -> message.fields().path("tensor").path("name").asText(""))
          .toList();
    }
  }

  @Nested
  class GivenALargeTensorOnItsWay {
    @Test
    void whenPartOfItHasPassed_thenItsNameAndProgressAreKnown() {
      Message message =
          CapturedSession.allMessages().stream()
              .filter(m -> m.command().equals("SET_TENSOR") && m.requestFrame().length > 4096)
              .findFirst()
              .orElseThrow();

      requests.feed(ByteBuffer.wrap(message.requestFrame(), 0, 4000));

      assertThat(frames).isEmpty();
      assertThat(requests.bytesOfFrame()).isEqualTo(4000);
      assertThat(requests.atFrameBoundary()).isFalse();
      assertThat(requests.tensor().orElseThrow().name())
          .isEqualTo(message.fields().get("tensor").get("name").asText());
    }

    @Test
    void whenItHasPassed_thenTheChunkIsAsItWas() {
      byte[] bytes = CapturedSession.named("single").connections().getLast().requests();
      ByteBuffer chunk = ByteBuffer.wrap(bytes, 0, 1000);

      requests.feed(chunk);

      assertThat(chunk.position()).isZero();
      assertThat(chunk.limit()).isEqualTo(1000);
    }
  }

  @Nested
  class GivenNonsense {
    @Test
    void whenTheCommandIsUnknown_thenTheFaultIsTyped() {
      assertThat(fault(requests, frame(23, 0))).isEqualTo(ProtocolFault.UNKNOWN_COMMAND);
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 62, (64L << 30) + 1})
    void whenTheLengthIsHuge_thenTheFaultIsTyped(long length) {
      assertThat(fault(requests, frame(6, length))).isEqualTo(ProtocolFault.FRAME_TOO_LARGE);
    }

    @Test
    void whenTheLengthIsWrongForTheCommand_thenTheFaultIsTyped() {
      assertThat(fault(requests, frame(15, 1))).isEqualTo(ProtocolFault.FRAME_SIZE);
    }

    @Test
    void whenAReadAsksForTooMuch_thenTheFaultIsTyped() {
      for (long size : new long[] {-1, Long.MAX_VALUE}) {
        ByteBuffer read = ByteBuffer.allocate(312).order(ByteOrder.LITTLE_ENDIAN);
        read.putLong(304, size);
        ByteBuffer pieces = ByteBuffer.allocate(328).order(ByteOrder.LITTLE_ENDIAN);
        pieces.putLong(304, 1L << 33).putLong(312, 1L << 33);

        assertThat(fault(requests, frame(8, 312), read)).isEqualTo(ProtocolFault.FRAME_TOO_LARGE);
        requests = FrameScanner.requests(limits, tracker, meter, listener);
        assertThat(fault(requests, frame(19, 328), pieces))
            .isEqualTo(ProtocolFault.FRAME_TOO_LARGE);
        requests = FrameScanner.requests(limits, tracker, meter, listener);
      }
    }

    @Test
    void whenAnAnswerWasNotAskedFor_thenTheFaultIsTyped() {
      ByteBuffer answer = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, 4);

      assertThat(fault(responses, answer)).isEqualTo(ProtocolFault.UNEXPECTED_RESPONSE);
    }

    @Test
    void whenAnAnswerHasAnotherLength_thenTheFaultIsTyped() {
      ByteBuffer answer = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, 5);
      requests.feed(frame(15, 0));

      assertThat(fault(responses, answer)).isEqualTo(ProtocolFault.FRAME_SIZE);
    }

    @Test
    void whenNobodyAnswers_thenTheQueueIsBounded() {
      for (int i = 0; i < limits.maxOutstandingResponses(); i++) {
        requests.feed(frame(15, 0));
      }

      assertThat(fault(requests, frame(15, 0))).isEqualTo(ProtocolFault.BUDGET_EXCEEDED);
    }
  }

  private static void feed(FrameScanner scanner, byte[] bytes, IntSupplier chunk) {
    int at = 0;
    while (at < bytes.length) {
      int size = Math.min(chunk.getAsInt(), bytes.length - at);
      scanner.feed(ByteBuffer.wrap(bytes, at, size));
      at += size;
    }
  }

  private static ByteBuffer frame(int code, long length) {
    return ByteBuffer.allocate(9)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put((byte) code)
        .putLong(length)
        .flip();
  }

  private static ProtocolFault fault(FrameScanner scanner, ByteBuffer... chunks) {
    return catchThrowableOfType(
            RpcProtocolException.class,
            () -> {
              for (ByteBuffer chunk : chunks) {
                scanner.feed(chunk);
              }
            })
        .fault();
  }
}
