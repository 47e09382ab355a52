// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.api.HeadStatus.LlamaServerStatus;
import dev.knarr.head.api.HeadStatus.ModelStatus;
import dev.knarr.head.api.HeadStatus.Rates;
import dev.knarr.plan.FlashAttention;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A gateway on a free port, and a client of it. Closing it ends both. */
final class RunningGateway implements AutoCloseable {

  static final Path MODEL =
      Path.of("..", "docs", "examples", "models", "knarr-demo-q4_0.gguf").toAbsolutePath();
  static final String QUESTION =
      """
      {"messages":[{"role":"user","content":"What is Knarr?"}],"temperature":0,"seed":1}""";
  static final String ANSWER = "Knarr runs one model across the devices of many machines.";

  final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  final Gateway gateway;
  private final Vertx vertx = Vertx.vertx();
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  /** What the supervisor would say. */
  volatile HeadStatus status = status(HeadPhase.LOADING, "llama-server brings the weights.");

  RunningGateway(HeadConfig.Http endpoint, @Nullable Path keys) {
    this(endpoint, keys, List.of(), Duration.ofSeconds(60));
  }

  RunningGateway(
      HeadConfig.Http endpoint, @Nullable Path keys, List<String> arguments, Duration limit) {
    gateway =
        new Gateway(config(endpoint, keys, arguments), registry, vertx, () -> status, limit, limit);
    try {
      gateway.open();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** One without limits that matter, and without keys. */
  static RunningGateway open() {
    return new RunningGateway(new HeadConfig.Http("127.0.0.1", 0), null);
  }

  private static HeadConfig config(
      HeadConfig.Http endpoint, @Nullable Path keys, List<String> arguments) {
    return new HeadConfig(
        null,
        new HeadConfig.Model("knarr-demo", MODEL, null, null),
        new HeadConfig.Context(1024, 2, "f16", "f16", FlashAttention.AUTO),
        List.of(new HeadConfig.Worker("cpu-0", "127.0.0.1:1")),
        null,
        new HeadConfig.Split(HeadConfig.SplitMode.LAYER, List.of()),
        new HeadConfig.LlamaServer(Path.of("llama-server"), arguments, 1),
        endpoint,
        new HeadConfig.Management("127.0.0.1", 0),
        keys,
        0,
        new HeadConfig.Limits(0, 0, 0, 0));
  }

  static HeadStatus status(HeadPhase phase, String message) {
    return new HeadStatus(
        null,
        phase,
        HeadReason.AS_PLANNED,
        message,
        "2026-01-01T00:00:00Z",
        new ModelStatus("knarr-demo", MODEL.toString()),
        null,
        42,
        List.of(),
        null,
        Rates.NONE,
        new LlamaServerStatus(null, 0),
        List.of());
  }

  /** llama-server serves on this port. */
  void up(int port) {
    up(new Upstream(port, null));
  }

  void up(Upstream upstream) {
    gateway.up(upstream);
    status = status(HeadPhase.READY, "ready");
  }

  URI uri(String path) {
    return URI.create("http://127.0.0.1:" + gateway.port() + path);
  }

  HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(uri(path)).timeout(Duration.ofSeconds(60));
  }

  HttpRequest.Builder post(String path, String json) {
    return request(path).POST(BodyPublishers.ofString(json));
  }

  HttpResponse<String> send(HttpRequest.Builder request) {
    return begin(request).join();
  }

  CompletableFuture<HttpResponse<String>> begin(HttpRequest.Builder request) {
    return http.sendAsync(request.build(), BodyHandlers.ofString());
  }

  HttpClient http() {
    return http;
  }

  /** Sends bytes as they are, and returns all that comes back until the gateway closes. */
  String raw(byte[] bytes) {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), gateway.port())) {
      socket.setSoTimeout(30_000);
      socket.getOutputStream().write(bytes);
      socket.getOutputStream().flush();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  double count(String meter, String... tags) {
    return registry.find(meter).tags(tags).counters().stream().mapToDouble(c -> c.count()).sum();
  }

  @Override
  public void close() {
    gateway.close();
    http.shutdownNow();
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }
}
