// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class PortCheckTest {
  @Nested
  class GivenAPortThatAProgramHas {
    @Test
    void whenItIsAskedFor_thenTheMessageNamesTheProgramAndTheOption() throws IOException {
      try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        assertThatThrownBy(() -> PortCheck.requireFree(taken.getLocalPort()))
            .isInstanceOf(LocalException.class)
            .hasMessageContaining("Port " + taken.getLocalPort())
            .hasMessageContaining("(process " + ProcessHandle.current().pid() + ")")
            .hasMessageContaining("--port");
      }
    }

    @Test
    void whenItHasBeenGivenBack_thenItIsFree() throws IOException {
      int port;
      try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        port = taken.getLocalPort();
      }

      assertThatCode(() -> PortCheck.requireFree(port)).doesNotThrowAnyException();
    }
  }
}
