// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import java.io.IOException;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CommunicatorRefusalTest {
  @Nested
  class GivenAConnectedClient {
    @ParameterizedTest(name = "device {0}, rank {1} of {2}, port {3}, host ''{4}''")
    @CsvSource({
      "0, 0, 3, 51052, ''",
      "0, 2, 2, 51052, ''",
      "0, -1, 2, 51052, ''",
      "9, 0, 2, 51052, ''",
      "-1, 0, 2, 51052, ''",
      "0, 0, 2, 0, ''",
      "0, 0, 2, 70000, ''",
      "0, 1, 2, 0, 127.0.0.1",
      "0, 1, 2, 70000, 127.0.0.1",
      "0, 1, 2, -1, 127.0.0.1",
    })
    void whenACommunicatorCannotBe_thenTheAnswerIsNoAndTheClientStays(
        int device, int rank, int world, int port, String host) throws IOException {
      try (var worker = RunningWorker.with("CPU");
          var client = RawClient.to(worker.port())) {
        client.channel().send(new RpcRequest.CommInit(device, rank, world, port, host));
        var answer = client.channel().receive(RpcResponse.CommInitialized.class);

        assertThat(answer.ok()).isFalse();
        assertThat(client.sum(0, 1, 2)).isEqualTo(3);
      }
    }
  }
}
