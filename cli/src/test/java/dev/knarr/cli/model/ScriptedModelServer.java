// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A real HTTP server whose answers misbehave in the ways a test asks for. */
final class ScriptedModelServer implements AutoCloseable {
  /** One request, as it came. */
  record Seen(String path, Map<String, String> headers) {}

  /** How one answer goes. */
  interface Answer {
    void to(HttpExchange exchange, byte[] content) throws IOException;
  }

  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Map<String, byte[]> files = new HashMap<>();
  private final Map<String, Queue<Answer>> scripts = new HashMap<>();
  private final List<Seen> seen = new ArrayList<>();
  boolean ranges = true;
  String etag = "\"v1\"";

  ScriptedModelServer() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    server.start();
  }

  URI url(String path) {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + path);
  }

  synchronized void put(String path, byte[] content) {
    files.put(path, content);
  }

  /** Makes the next answer for {@code path} an unusual one. */
  synchronized void next(String path, Answer answer) {
    scripts.computeIfAbsent(path, _ -> new ArrayDeque<>()).add(answer);
  }

  synchronized List<Seen> seen() {
    return List.copyOf(seen);
  }

  /** Sends {@code count} bytes of a body that was announced whole, then cuts the connection. */
  static Answer cutAfter(int count) {
    return (exchange, content) -> {
      int from = rangeStart(exchange);
      if (from > 0) {
        exchange
            .getResponseHeaders()
            .set(
                "Content-Range",
                "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
      }
      exchange.getResponseHeaders().set("ETag", "\"v1\"");
      exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
      exchange.getResponseBody().write(content, from, count);
      exchange.getResponseBody().flush();
      throw new IOException("cut on purpose");
    };
  }

  static Answer status(int status, String... headers) {
    return (exchange, _) -> {
      for (int i = 0; i < headers.length; i += 2) {
        exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
      }
      exchange.sendResponseHeaders(status, -1);
    };
  }

  private void handle(HttpExchange exchange) throws IOException {
    var path = exchange.getRequestURI().getPath();
    byte[] content;
    Answer answer;
    synchronized (this) {
      var headers = new HashMap<String, String>();
      exchange.getRequestHeaders().forEach((name, values) -> headers.put(name, values.getFirst()));
      seen.add(new Seen(path, headers));
      content = files.getOrDefault(path, new byte[0]);
      var script = scripts.getOrDefault(path, new ArrayDeque<>());
      answer = script.isEmpty() ? this::ordinary : script.remove();
    }
    try (exchange) {
      answer.to(exchange, content);
    }
  }

  private void ordinary(HttpExchange exchange, byte[] content) throws IOException {
    if (!files.containsKey(exchange.getRequestURI().getPath())) {
      exchange.sendResponseHeaders(404, -1);
      return;
    }
    exchange.getResponseHeaders().set("ETag", etag);
    if (etag.equals(exchange.getRequestHeaders().getFirst("If-None-Match"))) {
      exchange.sendResponseHeaders(304, -1);
      return;
    }
    int from = ranges ? rangeStart(exchange) : 0;
    var condition = exchange.getRequestHeaders().getFirst("If-Range");
    if (condition != null && !condition.equals(etag)) {
      from = 0;
    }
    if (from > 0) {
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range",
              "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
    }
    var body = Arrays.copyOfRange(content, from, content.length);
    exchange.sendResponseHeaders(from > 0 ? 206 : 200, body.length);
    exchange.getResponseBody().write(body);
  }

  private static int rangeStart(HttpExchange exchange) {
    var range = exchange.getRequestHeaders().getFirst("Range");
    return range == null ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
