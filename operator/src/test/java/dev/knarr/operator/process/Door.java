// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.process;

import dev.knarr.testkit.kube.ApiServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A port of this host that leads to an API server as soon as it is opened; until then connections
 * are refused. Any thread.
 */
final class Door implements AutoCloseable {
  private final InetSocketAddress behind;
  private final InetSocketAddress address;
  private final Socket held;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private @Nullable ServerSocket door;

  private Door(InetSocketAddress behind, Socket held) {
    this.behind = behind;
    this.held = held;
    this.address = new InetSocketAddress(held.getLocalAddress(), held.getLocalPort());
  }

  /** A closed one. */
  static Door to(ApiServer server) {
    var url = URI.create(server.client().getMasterUrl().toString());
    try {
      // Bound and not listening: nobody else takes the port.
      var held = new Socket();
      held.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      return new Door(new InetSocketAddress(url.getHost(), url.getPort()), held);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where it is. */
  String url() {
    return "https://127.0.0.1:%d/".formatted(address.getPort());
  }

  synchronized void open() {
    try {
      held.close();
      var opened = new ServerSocket(address.getPort(), 0, address.getAddress());
      door = opened;
      Thread.ofVirtual().start(() -> accept(opened));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void accept(ServerSocket opened) {
    try {
      while (true) {
        var here = opened.accept();
        sockets.add(here);
        var there = new Socket(behind.getAddress(), behind.getPort());
        sockets.add(there);
        Thread.ofVirtual().start(() -> pass(here, there));
        Thread.ofVirtual().start(() -> pass(there, here));
      }
    } catch (IOException e) {
      close(); // closed already, or the server has gone
    }
  }

  private void pass(Socket from, Socket to) {
    try (from;
        to) {
      from.getInputStream().transferTo(to.getOutputStream());
    } catch (IOException e) {
      // One of the two has gone; the other goes, too.
    } finally {
      sockets.remove(from);
    }
  }

  @Override
  public synchronized void close() {
    try {
      held.close();
      if (door != null) {
        door.close();
      }
      for (var socket : sockets) {
        socket.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
