// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class PortCheckTest {
  @Test
  void whenALoaderRunsAProgram_thenTheProgramIsNamed() {
    assertThat(
            PortCheck.behindLoader(
                List.of("/c/ld-linux-x86-64.so.2", "--library-path", "/c/lib", "/c/llama-server")))
        .contains("llama-server");
  }

  @Test
  void whenAHeadHasThePort_thenItIsNoJavaLikeOthers() {
    assertThat(PortCheck.isHead(List.of("/jdk/bin/java", "-jar", "x", "head", "--config", "h")))
        .isTrue();
    assertThat(PortCheck.isHead(List.of("/jdk/bin/java", "-jar", "x", "worker", "--port", "1")))
        .isFalse();
  }

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
