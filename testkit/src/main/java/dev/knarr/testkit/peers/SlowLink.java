// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.peers;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * A loopback port behind which another one is, over a link that carries only so many bytes a second
 * in each direction, and none of them at once. Any thread; closing it breaks all connections.
 */
public final class SlowLink implements AutoCloseable {
  /** Small, so that a transfer does not come in lumps. */
  private static final int CHUNK_BYTES = 4096;

  private final ServerSocket listener;
  private final String host;
  private final int port;
  private final double forthBytesPerSecond;
  private final double backBytesPerSecond;
  private final long pieceNanos;
  private final AtomicLong bytesForth = new AtomicLong();
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

  private SlowLink(
      ServerSocket listener,
      String host,
      int port,
      double forthPerSecond,
      double backPerSecond,
      Duration piece) {
    this.listener = listener;
    this.host = host;
    this.port = port;
    this.forthBytesPerSecond = forthPerSecond;
    this.backBytesPerSecond = backPerSecond;
    this.pieceNanos = piece.toNanos();
  }

  /**
   * Opens a link to {@code host:port}.
   *
   * @param forthBytesPerSecond what it carries to there
   * @param backBytesPerSecond what it carries from there
   */
  public static SlowLink to(String address, double forthBytesPerSecond, double backBytesPerSecond)
      throws IOException {
    return to(address, forthBytesPerSecond, backBytesPerSecond, Duration.ZERO);
  }

  /**
   * Opens a link on which each message, and each further 4 KiB of it, takes some time.
   *
   * @param piece how long
   */
  public static SlowLink far(String address, Duration piece) throws IOException {
    return to(address, 1e9, 1e9, piece);
  }

  private static SlowLink to(
      String address, double forthBytesPerSecond, double backBytesPerSecond, Duration piece)
      throws IOException {
    int colon = address.lastIndexOf(':');
    var link =
        new SlowLink(
            new ServerSocket(0, 50, InetAddress.getLoopbackAddress()),
            address.substring(0, colon),
            Integer.parseInt(address.substring(colon + 1)),
            forthBytesPerSecond,
            backBytesPerSecond,
            piece);
    Thread.ofVirtual().name("slow-link").start(link::accept);
    return link;
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        Socket client = listener.accept();
        Socket server = new Socket(host, port);
        client.setTcpNoDelay(true);
        server.setTcpNoDelay(true);
        // A stock worker is killed by a normal close after HELLO, and a client that resets means
        // it.
        server.setSoLinger(true, 0);
        sockets.add(client);
        sockets.add(server);
        Thread.ofVirtual().start(() -> pump(client, server, forthBytesPerSecond, bytesForth));
        Thread.ofVirtual().start(() -> pump(server, client, backBytesPerSecond, new AtomicLong()));
      } catch (IOException _) {
        // Closed, or the other side is gone: its client sees the same as without a link.
      }
    }
  }

  private void pump(Socket from, Socket to, double bytesPerSecond, AtomicLong count) {
    try (from;
        to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      byte[] chunk = new byte[CHUNK_BYTES];
      long free = System.nanoTime();
      for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
        // Busy until the bytes before are through; an idle link owes nothing.
        free =
            Math.max(free, System.nanoTime())
                + pieceNanos
                + Math.round(read / bytesPerSecond * 1e9);
        for (long left = free - System.nanoTime(); left > 0; left = free - System.nanoTime()) {
          LockSupport.parkNanos(left);
        }
        out.write(chunk, 0, read);
        count.addAndGet(read);
      }
    } catch (IOException _) {
      // One side has ended the connection; both are closed.
    } finally {
      sockets.remove(from);
      sockets.remove(to);
    }
  }

  /** Where it listens. */
  public String address() {
    return "127.0.0.1:" + listener.getLocalPort();
  }

  /** Bytes that went to the other end so far. */
  public long bytesForth() {
    return bytesForth.get();
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}
