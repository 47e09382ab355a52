// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.RpcCommand;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What a listener can read of a frame that has passed through a {@link FrameScanner}. */
class FrameFieldsTest {

  private static ByteBuffer bytes(int capacity) {
    return ByteBuffer.allocate(capacity).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Nested
  class GivenAnAllocationInSingleBytes {

    @Test
    void whenBothFramesHavePassed_thenDeviceAndHandleCanBeRead() {
      WireLimits limits = WireLimits.defaults();
      ResponseTracker tracker = new ResponseTracker(limits);
      List<Long> seen = new ArrayList<>();
      FrameScanner requests =
          FrameScanner.requests(
              limits,
              tracker,
              FrameMeter.NONE,
              (frame, scanner) -> {
                seen.add((long) frame.device());
                seen.add(scanner.fields().getLong(scanner.fields().position() + 4));
              });
      FrameScanner responses =
          FrameScanner.responses(
              limits,
              tracker,
              FrameMeter.NONE,
              (_, scanner) -> seen.add(scanner.fields().getLong()));
      ByteBuffer request =
          bytes(21).put((byte) RpcCommand.ALLOC_BUFFER.code()).putLong(12).putInt(3).putLong(4096);
      ByteBuffer response = bytes(24).putLong(16).putLong(0x1234).putLong(4096);

      feedSingly(requests, request.flip());
      feedSingly(responses, response.flip());

      assertThat(seen).containsExactly(3L, 4096L, 0x1234L);
      assertThat(responses.atFrameBoundary()).isTrue();
    }

    private void feedSingly(FrameScanner scanner, ByteBuffer all) {
      while (all.hasRemaining()) {
        scanner.feed(all.slice(all.position(), 1));
        all.get();
      }
    }
  }
}
