// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcRequest.CommInit;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LinkPlacesTest {
  private static final LinkPlaces PLACES = new LinkPlaces(51_555, "gpu-7.example", 52_777);

  private static ByteBuffer frame(RpcRequest request) {
    var frame =
        ByteBuffer.allocate(RpcCommand.REQUEST_FRAMING_BYTES + (int) request.payloadBytes())
            .order(ByteOrder.LITTLE_ENDIAN);
    frame.put((byte) request.command().code()).putLong(request.payloadBytes());
    request.encode(frame);
    return frame.flip();
  }

  /** What has passed a scanner in pieces of some size. */
  private static ByteBuffer passed(ByteBuffer bytes, int piece) {
    var limits = WireLimits.defaults();
    var scanner =
        FrameScanner.requests(
            limits, new ResponseTracker(limits), FrameMeter.NONE, (frame, where) -> {}, PLACES);
    var out = ByteBuffer.allocate(bytes.remaining()).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      var chunk = bytes.slice(bytes.position(), Math.min(piece, bytes.remaining()));
      bytes.position(bytes.position() + chunk.remaining());
      scanner.feed(chunk);
      out.put(chunk);
    }
    assertThat(scanner.atFrameBoundary()).isTrue();
    return out.flip();
  }

  @Nested
  class GivenAScannerThatKnowsWhereWorkersMeet {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 13, 21, 89, 1000})
    void whenRankZeroIsAsked_thenItListensThere(int piece) {
      var asked = new CommInit(1, 0, 2, 41_000, "");

      assertThat(passed(frame(asked), piece)).isEqualTo(frame(new CommInit(1, 0, 2, 51_555, "")));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 13, 21, 89, 1000})
    void whenRankOneIsAsked_thenItConnectsThere(int piece) {
      var asked = new CommInit(0, 1, 2, 41_000, "127.0.0.1-and-a-longer-name.example");

      assertThat(passed(frame(asked), piece))
          .isEqualTo(frame(new CommInit(0, 1, 2, 52_777, "gpu-7.example")));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5, 1000})
    void whenOtherCommandsPass_thenTheyStayAsTheyAre(int piece) {
      var alloc = new RpcRequest.AllocBuffer(0, 0x0102_0304_0506L);
      var leave = new RpcRequest.CommFree(3);
      var both = ByteBuffer.allocate(512).order(ByteOrder.LITTLE_ENDIAN);
      both.put(frame(alloc)).put(frame(leave)).flip();

      assertThat(passed(both.duplicate(), piece)).isEqualTo(both);
    }
  }
}
