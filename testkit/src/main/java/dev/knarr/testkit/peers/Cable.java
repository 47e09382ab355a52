// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.peers;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * A way to a TCP port of this machine that can be cut: connections stay open on both sides and
 * nothing passes any more, as when a switch loses its power. Any thread.
 */
public final class Cable implements AutoCloseable {

  private static final int CHUNK_BYTES = 1 << 16;

  private final ServerSocket listener;
  private final int target;
  private final Queue<Socket> sockets = new ConcurrentLinkedQueue<>();
  private volatile boolean cut;

  private Cable(ServerSocket listener, int target) {
    this.listener = listener;
    this.target = target;
  }

  /** Opens a way to {@code host:port}, which must be on loopback. */
  public static Cable to(String address) {
    try {
      int port = Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
      Cable cable = new Cable(new ServerSocket(0, 64, InetAddress.getLoopbackAddress()), port);
      Thread.ofPlatform().daemon().name("cable").start(cable::accept);
      return cable;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the address of this end. */
  public String address() {
    return "127.0.0.1:" + listener.getLocalPort();
  }

  /** From now on nothing passes. */
  public void cut() {
    cut = true;
  }

  /** New connections pass again; those that were cut break, as they would after a while. */
  public void mend() {
    closeAll();
    cut = false;
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        Socket near = listener.accept();
        sockets.add(near);
        if (cut) {
          continue;
        }
        Socket far = new Socket(InetAddress.getLoopbackAddress(), target);
        sockets.add(far);
        near.setTcpNoDelay(true);
        far.setTcpNoDelay(true);
        Thread.ofPlatform().daemon().name("cable").start(() -> pass(near, far));
        Thread.ofPlatform().daemon().name("cable").start(() -> pass(far, near));
      } catch (IOException _) {
        // Closed, or the other end is: whoever connects finds out.
      }
    }
  }

  private void pass(Socket from, Socket to) {
    byte[] chunk = new byte[CHUNK_BYTES];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      int read = in.read(chunk);
      while (read >= 0 && !cut) {
        out.write(chunk, 0, read);
        read = in.read(chunk);
      }
    } catch (IOException _) {
      // One side has gone, so the other goes.
    }
    // Of a cut cable not even the end of a connection gets through.
    if (!cut) {
      close(from);
      close(to);
    }
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void closeAll() {
    for (Socket socket = sockets.poll(); socket != null; socket = sockets.poll()) {
      close(socket);
    }
  }

  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    closeAll();
  }
}
