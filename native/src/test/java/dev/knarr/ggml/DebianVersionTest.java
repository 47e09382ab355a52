// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/**
 * Debian moves on, and the tree of stock llama.cpp with it. The day it does, this test is the first
 * to fail and says what changed: compare the tables, the protocol and the checks with the new
 * version, then raise the versions here and in {@link LibraryCheck}.
 */
class DebianVersionTest {
  private static final String MOVED_ON =
      "Debian has moved on: this version was never tested. Compare operations, types, protocol and"
          + " operation checks, then raise the version here";
  private static final byte HELLO = 14;
  private static final int CAPABILITY_BYTES = 24;

  @Test
  void whenTheTreeIsLoaded_thenItsGgmlIsTheNewestTested() {
    assertThat(TreeGgml.load().version()).as(MOVED_ON).isEqualTo(LibraryCheck.NEWEST);
  }

  @Test
  void whenTheTreeIsRead_thenItsLlamaCppIsTheTestedOne() throws IOException {
    assertThat(Files.readString(TreeGgml.tree().resolve("VERSION"))).as(MOVED_ON).contains("0.7.0");
  }

  @Test
  void whenTheStockWorkerIsAsked_thenItSpeaksProtocol80() throws Exception {
    int port = freePort();
    var server =
        new ProcessBuilder(
                TreeGgml.tree().resolve("bin/ggml-rpc-server").toString(),
                "-H",
                "127.0.0.1",
                "-p",
                Integer.toString(port),
                "-t",
                "1")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      assertThat(version(port)).as(MOVED_ON).startsWith(8, 0);
    } finally {
      server.destroyForcibly();
      server.waitFor(10, TimeUnit.SECONDS);
    }
  }

  private static byte[] version(int port) throws IOException {
    try (var socket =
        Awaitility.await("the stock worker listens")
            .atMost(Duration.ofSeconds(30))
            .ignoreException(ConnectException.class)
            .until(() -> new Socket(InetAddress.getLoopbackAddress(), port), s -> true)) {
      byte[] request = new byte[1 + Long.BYTES + CAPABILITY_BYTES];
      request[0] = HELLO;
      request[1] = CAPABILITY_BYTES;
      socket.getOutputStream().write(request);
      var answer = new DataInputStream(socket.getInputStream());
      answer.readLong();
      byte[] version = new byte[2];
      answer.readFully(version);
      return version;
    }
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
