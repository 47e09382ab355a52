// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.api.Identity;
import dev.knarr.plan.FlashAttention;
import dev.knarr.testkit.peers.LlamaCppTree;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A supervisor over real peers, for tests. Closing it checks that nothing is left. */
final class RunningHead implements AutoCloseable {

  static final Path MODEL =
      Path.of("..", "docs", "examples", "models", "knarr-demo-q4_0.gguf").toAbsolutePath();
  static final Path DRAFT = MODEL.resolveSibling("knarr-demo-draft-q8_0.gguf");
  static final String ANSWER = "Knarr runs one model across the devices of many machines.";
  private static final Duration LIMIT = Duration.ofSeconds(90);

  final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  final Supervisor supervisor;
  private final Vertx vertx = Vertx.vertx();
  private final HttpClient http = HttpClient.newHttpClient();
  private final List<ProcessHandle> children = new ArrayList<>();

  RunningHead(HeadConfig config) {
    this(config, Optional.empty());
  }

  /** With a program to start a worker by. */
  RunningHead(HeadConfig config, Optional<Path> launcher) {
    supervisor = new Supervisor(config, registry, Clock.systemUTC(), vertx, launcher);
    supervisor.start();
  }

  static HeadConfig config(List<String> workers) {
    return config(workers, LlamaCppTree.program("llama-server"), 0, 60);
  }

  static HeadConfig config(List<String> workers, Path program, int port, int workersSeconds) {
    List<HeadConfig.Worker> named = new ArrayList<>();
    for (int i = 0; i < workers.size(); i++) {
      named.add(new HeadConfig.Worker("cpu-" + i, workers.get(i)));
    }
    return new HeadConfig(
        null,
        new HeadConfig.Model("knarr-demo", MODEL, null, null),
        new HeadConfig.Context(1024, 2, "f16", "f16", FlashAttention.AUTO),
        named,
        null,
        new HeadConfig.Split(HeadConfig.SplitMode.LAYER, List.of()),
        new HeadConfig.LlamaServer(program, List.of(), 1),
        new HeadConfig.Http("127.0.0.1", port),
        new HeadConfig.Management("127.0.0.1", 0),
        null,
        0,
        new HeadConfig.Limits(workersSeconds, 60, 60, 10));
  }

  /** The same with every tensor cut in two. */
  static HeadConfig splittingTensors(HeadConfig config) {
    return splitting(config, new HeadConfig.Split(HeadConfig.SplitMode.TENSOR, List.of()));
  }

  /** The same with layers placed by hand. */
  static HeadConfig splitting(HeadConfig config, HeadConfig.Split split) {
    return ConfigChange.of(config).split(split).made();
  }

  /** The same with another file of the model. */
  static HeadConfig of(Path model, HeadConfig config) {
    return ConfigChange.of(config).model(model, null).made();
  }

  /** The same with keys that clients must show. */
  static HeadConfig locked(HeadConfig config, Path keys) {
    return ConfigChange.of(config).keys(keys).made();
  }

  /** The same that plans without a worker that is missing for so long. */
  static HeadConfig replanning(HeadConfig config, int seconds) {
    return ConfigChange.of(config).replanAfterSeconds(seconds).made();
  }

  /** The same with a model that drafts. */
  static HeadConfig drafted(HeadConfig config) {
    return ConfigChange.of(config).model(MODEL, DRAFT).made();
  }

  /** The same with time for running answers when it is asked to stop. */
  static HeadConfig draining(HeadConfig config, int seconds) {
    return ConfigChange.of(config)
        .identity(new Identity("cluster", "revision"))
        .drainSeconds(seconds)
        .made();
  }

  HeadStatus status() {
    return supervisor.status();
  }

  HeadStatus awaitPhase(HeadPhase phase) {
    await("phase " + phase)
        .atMost(LIMIT)
        .pollInterval(Duration.ofMillis(20))
        .until(() -> noteChild(status()).phase() == phase || gaveUp(phase));
    HeadStatus now = status();
    if (now.phase() != phase && now.phase() == HeadPhase.FAILED) {
      throw new AssertionError("The head failed: " + now.message());
    }
    return now;
  }

  private boolean gaveUp(HeadPhase wanted) {
    return wanted != HeadPhase.FAILED && status().phase() == HeadPhase.FAILED;
  }

  private HeadStatus noteChild(HeadStatus status) {
    llamaServer().filter(child -> !children.contains(child)).ifPresent(children::add);
    return status;
  }

  Optional<ProcessHandle> llamaServer() {
    return Optional.ofNullable(status().llamaServer().pid()).flatMap(ProcessHandle::of);
  }

  /** Returns the text of a greedy answer. */
  String ask(String question) {
    return ask(question, 600).join();
  }

  String askWith(String apiKey, String question) {
    return send(request(question, 600).header("Authorization", "Bearer " + apiKey)).join();
  }

  CompletableFuture<String> ask(String question, int maxTokens) {
    return send(request(question, maxTokens));
  }

  private CompletableFuture<String> send(HttpRequest.Builder request) {
    return http.sendAsync(request.build(), BodyHandlers.ofString()).thenApply(r -> text(r.body()));
  }

  private HttpRequest.Builder request(String question, int maxTokens) {
    String body =
        """
        {"messages":[{"role":"user","content":"%s"}],"temperature":0,"seed":1,
         "max_tokens":%d,"cache_prompt":false}"""
            .formatted(question, maxTokens);
    return HttpRequest.newBuilder(URI.create(endpoint() + "/chat/completions"))
        .timeout(LIMIT)
        .POST(HttpRequest.BodyPublishers.ofString(body));
  }

  /** Sends a question and returns all that comes back, a stream's events too. */
  CompletableFuture<HttpResponse<String>> send(String question, boolean stream) {
    String body =
        """
        {"messages":[{"role":"user","content":"%s"}],"temperature":0,"seed":1,"stream":%s,
         "cache_prompt":false}"""
            .formatted(question, stream);
    return http.sendAsync(
        HttpRequest.newBuilder(URI.create(endpoint() + "/chat/completions"))
            .timeout(LIMIT)
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build(),
        BodyHandlers.ofString());
  }

  /** What {@code /health} says of a head that serves. */
  String health() throws IOException, InterruptedException {
    var response =
        http.send(
            HttpRequest.newBuilder(URI.create(endpoint()).resolve("/health")).build(),
            BodyHandlers.ofString());
    if (response.statusCode() != 200) {
      throw new IllegalStateException(response.body());
    }
    return response.body();
  }

  private String endpoint() {
    String endpoint = status().endpoint();
    if (endpoint == null) {
      throw new IllegalStateException("There is no endpoint: " + status());
    }
    return endpoint;
  }

  static String text(String json) {
    try {
      return new ObjectMapper().readTree(json).at("/choices/0/message/content").asText();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  double count(String meter, String... tags) {
    return registry.find(meter).tags(tags).counters().stream().mapToDouble(c -> c.count()).sum();
  }

  @Nullable Double gauge(String meter, String... tags) {
    var gauge = registry.find(meter).tags(tags).gauge();
    return gauge == null ? null : gauge.value();
  }

  @Override
  public void close() {
    supervisor.close();
    http.shutdownNow();
    vertx.close().toCompletionStage().toCompletableFuture().join();
    await("all llama-servers gone")
        .atMost(Duration.ofSeconds(5))
        .until(() -> children.stream().noneMatch(ProcessHandle::isAlive));
    await("all relay threads gone")
        .atMost(Duration.ofSeconds(5))
        .until(
            () ->
                Thread.getAllStackTraces().keySet().stream()
                    .noneMatch(t -> t.getName().startsWith("relay-cpu")));
  }
}
