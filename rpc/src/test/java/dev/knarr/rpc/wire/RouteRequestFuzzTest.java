// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.knarr.rpc.RpcProtocolException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A router that sends anything. What is understood must mean the same when it is said again. */
class RouteRequestFuzzTest {
  private static final WireLimits LIMITS = new WireLimits(1 << 20, 1 << 16, 64, 64, 16);

  @FuzzTest(maxDuration = "8s")
  void aStreamOfARouterIsUnderstoodOrRefusedByAType(byte[] stream) throws IOException {
    var understood = new ByteArrayOutputStream();
    try (var worker = RoutedTalk.worker(stream, LIMITS)) {
      for (var request = worker.readRequest(); request != null; request = worker.readRequest()) {
        byte[] data = new byte[(int) worker.dataRemaining()];
        worker.readData(ByteBuffer.wrap(data));
        understood.writeBytes(RoutedTalk.written(request, data));
      }
    } catch (RpcProtocolException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
    assertThat(understood.size()).isLessThanOrEqualTo(stream.length);
    var again = new ByteArrayOutputStream();
    for (var said : RoutedTalk.read(understood.toByteArray())) {
      again.writeBytes(RoutedTalk.written(said.request(), said.data()));
    }
    assertThat(again.toByteArray()).isEqualTo(understood.toByteArray());
  }
}
