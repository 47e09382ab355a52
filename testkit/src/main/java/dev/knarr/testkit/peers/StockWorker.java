// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.peers;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.List;

/**
 * A stock {@code ggml-rpc-server} with one CPU thread on a loopback port. It serves one connection
 * at a time. Any thread; closing it ends the process.
 */
public final class StockWorker implements AutoCloseable {

  private final int port;
  private final PeerProcess peer;

  private StockWorker(int port, PeerProcess peer) {
    this.port = port;
    this.peer = peer;
  }

  /** Starts one on a free port and waits until it listens. */
  public static StockWorker start() {
    return start(LlamaCppTree.freePort());
  }

  /** Starts one on the given port and waits until it listens. */
  public static StockWorker start(int port) {
    PeerProcess peer =
        PeerProcess.start(
            List.of(
                LlamaCppTree.program("ggml-rpc-server").toString(),
                "-H",
                "127.0.0.1",
                "-p",
                String.valueOf(port),
                "-t",
                "1",
                "-d",
                "CPU"));
    // A connection that says nothing is harmless to it; one that says HELLO and goes away is not.
    peer.awaitReady(() -> listens(port));
    return new StockWorker(port, peer);
  }

  private static boolean listens(int port) {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /** Returns the port it listens on. */
  public int port() {
    return port;
  }

  /** Returns its address as a client writes it. */
  public String address() {
    return "127.0.0.1:" + port;
  }

  /** Returns its process. */
  public Process process() {
    return peer.process();
  }

  /** Returns what it has printed. */
  public String output() {
    return peer.output();
  }

  /** Ends it at once, as a crash would. */
  public void kill() {
    peer.close();
  }

  @Override
  public void close() {
    peer.close();
  }
}
