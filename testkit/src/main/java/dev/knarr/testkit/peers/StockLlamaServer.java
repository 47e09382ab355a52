// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A stock {@code llama-server} with one thread on a loopback port. Any thread; closing it ends the
 * process.
 */
public final class StockLlamaServer implements AutoCloseable {

  private static final Duration REQUEST_LIMIT = Duration.ofMinutes(2);

  private final int port;
  private final PeerProcess peer;
  private final HttpClient http;

  private StockLlamaServer(int port, PeerProcess peer, HttpClient http) {
    this.port = port;
    this.peer = peer;
    this.http = http;
  }

  /** Starts one that serves a model, and waits until it answers. */
  public static StockLlamaServer start(Path model, List<String> arguments) {
    int port = LlamaCppTree.freePort();
    List<String> command = new ArrayList<>();
    command.add(LlamaCppTree.program("llama-server").toString());
    command.addAll(List.of("-m", model.toString(), "--host", "127.0.0.1"));
    command.addAll(List.of("--port", String.valueOf(port), "--threads", "1"));
    command.addAll(arguments);
    StockLlamaServer server =
        new StockLlamaServer(port, PeerProcess.start(command), HttpClient.newHttpClient());
    server.peer.awaitReady(server::isHealthy);
    return server;
  }

  private boolean isHealthy() {
    try {
      HttpRequest request =
          HttpRequest.newBuilder(uri("/health")).timeout(Duration.ofSeconds(5)).build();
      return http.send(request, BodyHandlers.discarding()).statusCode() == 200;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Returns the address of the API. */
  public URI uri(String path) {
    return URI.create("http://127.0.0.1:" + port + path);
  }

  /** Sends a JSON body and returns the JSON that comes back. */
  public String post(String path, String json) {
    HttpRequest request =
        HttpRequest.newBuilder(uri(path))
            .timeout(REQUEST_LIMIT)
            .POST(HttpRequest.BodyPublishers.ofString(json))
            .build();
    try {
      return http.send(request, BodyHandlers.ofString()).body();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while llama-server answered", e);
    }
  }

  /** Returns its process. */
  public Process process() {
    return peer.process();
  }

  /** Returns what it has printed. */
  public String output() {
    return peer.output();
  }

  @Override
  public void close() {
    peer.close();
    http.close();
  }
}
