// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.rpc.ProtocolEdition;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteTerms;
import dev.knarr.rpc.RpcResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/** Something on a worker's port that says what a test wants it to say. */
final class LyingWorker implements AutoCloseable {
  private static final int HELLO_BYTES = 33;

  private final ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());

  /** What it says to whoever has said HELLO; the connection ends with it. */
  @FunctionalInterface
  interface Talk {
    void with(Wire router) throws IOException;
  }

  LyingWorker(Talk talk) throws IOException {
    Thread.ofVirtual().start(() -> serve(talk));
  }

  int port() {
    return socket.getLocalPort();
  }

  private void serve(Talk talk) {
    while (!socket.isClosed()) {
      try {
        var caller = socket.accept();
        Thread.ofVirtual().start(() -> talk(talk, caller));
      } catch (IOException _) {
        return; // The test is over.
      }
    }
  }

  private static void talk(Talk talk, Socket caller) {
    try (caller) {
      caller.getInputStream().readNBytes(HELLO_BYTES);
      talk.with(new Wire(caller.getInputStream(), caller.getOutputStream()));
    } catch (IOException _) {
      // The router has heard enough.
    }
  }

  /** The liar's end of a connection. */
  record Wire(InputStream in, OutputStream out) {
    /** Says some bytes, in hexadecimal digits. */
    Wire say(String hex) throws IOException {
      out.write(HexFormat.of().parseHex(hex.replace(" ", "")));
      out.flush();
      return this;
    }

    /** Answers HELLO as one of our workers. */
    Wire greet() throws IOException {
      var answer = ByteBuffer.allocate(36).order(ByteOrder.LITTLE_ENDIAN).putLong(28);
      new RpcResponse.HelloAccepted(
              ProtocolEdition.CURRENT.version(),
              new RouteTerms(RouteTerms.Role.ROUTER, RouteTerms.VERSION, 0, RouteFeature.all(), 7)
                  .capabilities())
          .encode(answer);
      out.write(answer.array());
      out.flush();
      return this;
    }

    /** Answers HELLO, and says that it keeps a MiB of each. */
    Wire welcome() throws IOException {
      return greet().say("60 06 808040 808040");
    }

    /** Waits for a request of so many bytes. */
    Wire hear(int bytes) throws IOException {
      in.readNBytes(bytes);
      return this;
    }

    /** Waits until the router has gone. */
    void hearAll() throws IOException {
      in.readAllBytes();
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
