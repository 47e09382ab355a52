// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/** A worker that says anything to a router. */
class RouteReplyFuzzTest {
  private static final List<RpcRequest> QUESTIONS =
      List.of(
          new RouteRequest.Graph(0, 0, 0, 0),
          new RouteRequest.Read(new RouteRequest.Range(1, 0, 64)),
          new RouteRequest.Link(1, 2, 3, "h"),
          new RouteRequest.Offer(new RouteRequest.Range(1, 0, 64), 5),
          new RpcRequest.AllocBuffer(0, 64),
          new RpcRequest.DeviceCount());

  @FuzzTest(maxDuration = "8s")
  void aStreamOfAWorkerIsUnderstoodOrRefusedByAType(byte[] stream) throws IOException {
    try (var router = RoutedTalk.router(stream)) {
      for (var question : QUESTIONS) {
        router.send(question);
      }
      for (var reply = router.next(); reply != null; reply = router.next()) {
        assertThat(reply.response().answers(reply.command())).isTrue();
        router.receiveData(ByteBuffer.allocate((int) router.dataRemaining()));
      }
    } catch (RpcProtocolException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
  }
}
