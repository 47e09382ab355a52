// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What answers at the address of a pod: a head as it should be, or as badly as a test needs it. Any
 * thread.
 */
public final class ScriptedPod implements AutoCloseable {
  /** What is done with a connection after the request's first line has come. */
  public interface Script {
    /** Answers; what it throws ends the connection. */
    void answer(OutputStream out) throws IOException, InterruptedException;
  }

  private final ServerSocket server;
  private final Set<Socket> connections = ConcurrentHashMap.newKeySet();
  private final AtomicInteger asked = new AtomicInteger();
  private volatile Script script;

  private ScriptedPod(ServerSocket server, Script script) {
    this.server = server;
    this.script = script;
    Thread.ofVirtual().name("scripted-pod").start(this::accept);
  }

  /** Listens at this address; port 0 takes any free one. */
  public static ScriptedPod at(String ip, int port, Script script) throws IOException {
    var server = new ServerSocket();
    server.setReuseAddress(true);
    server.bind(new InetSocketAddress(InetAddress.getByName(ip), port));
    return new ScriptedPod(server, script);
  }

  /** Answers with this text, as JSON. */
  public static Script json(String text) {
    return out -> {
      var body = text.getBytes(StandardCharsets.UTF_8);
      head(out, "200 OK", body.length);
      out.write(body);
      out.flush();
    };
  }

  /** Begins an answer. */
  public static void head(OutputStream out, String status, long length) throws IOException {
    out.write(
        "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            .formatted(status, length)
            .getBytes(StandardCharsets.US_ASCII));
  }

  /** From now on this is answered. */
  public void script(Script next) {
    script = next;
  }

  public int port() {
    return server.getLocalPort();
  }

  /** How often it was asked. */
  public int asked() {
    return asked.get();
  }

  private void accept() {
    try {
      while (true) {
        var connection = server.accept();
        connections.add(connection);
        Thread.ofVirtual().start(() -> serve(connection));
      }
    } catch (SocketException _) {
      // Closed.
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void serve(Socket connection) {
    try (connection) {
      var in = connection.getInputStream();
      for (int tail = 0; tail != 0x0d0a0d0a; ) {
        int next = in.read();
        if (next < 0) {
          return;
        }
        tail = tail << 8 | next;
      }
      asked.incrementAndGet();
      script.answer(connection.getOutputStream());
    } catch (IOException _) {
      // The client has had enough.
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } finally {
      connections.remove(connection);
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
    for (var connection : connections) {
      connection.close();
    }
  }
}
