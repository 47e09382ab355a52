// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.api.Identity;
import dev.knarr.plan.FlashAttention;
import dev.knarr.testkit.peers.LlamaCppTree;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** Two workers and a head over them, each a process of its own. */
final class RunningCluster implements AutoCloseable {
  private static final Pattern DECODED = Pattern.compile("\"n_decoded\":(\\d+)");
  static final String QUESTION = "Count from 1 to 100.";

  private static final Path MODEL =
      KnarrProcess.ROOT.resolve("docs/examples/models/knarr-demo-q8_0.gguf");

  final RunningWorker first;
  RunningWorker second;
  final KnarrProcess head;
  final String management;
  private final Path folder;
  private final HttpClient http = HttpClient.newHttpClient();

  RunningCluster(Path folder, int drainSeconds) throws IOException {
    this(folder, drainSeconds, address -> address);
  }

  /**
   * A cluster whose second worker is reached by another address than its own.
   *
   * @param cable returns that address
   */
  RunningCluster(Path folder, int drainSeconds, UnaryOperator<String> cable) throws IOException {
    this.folder = folder;
    first = RunningWorker.start(folder, "first");
    second = RunningWorker.start(folder, "second");
    var config =
        new HeadConfig(
            new Identity("cluster-uid", "revision-1"),
            new HeadConfig.Model("demo", MODEL, null, null),
            new HeadConfig.Context(1024, 2, "f16", "f16", FlashAttention.AUTO),
            List.of(
                new HeadConfig.Worker("cpu-0", first.rpc()),
                new HeadConfig.Worker("cpu-1", cable.apply(second.rpc()))),
            null,
            new HeadConfig.Split(HeadConfig.SplitMode.LAYER, List.of()),
            new HeadConfig.LlamaServer(Path.of("llama-server"), List.of(), 1),
            new HeadConfig.Http("127.0.0.1", 0),
            new HeadConfig.Management("127.0.0.1", 0),
            null,
            drainSeconds,
            new HeadConfig.Limits(HeadConfig.Limits.WITHOUT_END, -1, 0, 0));
    var file = Files.writeString(folder.resolve("head.json"), config.toJson());
    var announcement = folder.resolve("head-ports.json");
    var path = LlamaCppTree.program("llama-server").getParent() + ":" + System.getenv("PATH");
    head =
        KnarrProcess.start(
            Map.of("PATH", path, Identity.POD_UID_VARIABLE, "pod-uid"),
            "head",
            "--config",
            file.toString(),
            "--announce",
            announcement.toString());
    await("the head has opened its port")
        .atMost(KnarrProcess.LIMIT)
        .until(() -> Files.exists(announcement));
    management =
        new ObjectMapper().readTree(Files.readString(announcement)).get("management").asText();
    Files.delete(announcement);
  }

  HeadStatus status() throws IOException, InterruptedException {
    return HeadStatus.parse(get("/status").body());
  }

  int readiness() throws IOException, InterruptedException {
    return get("/q/health/ready").statusCode();
  }

  private HttpResponse<String> get(String path) throws IOException, InterruptedException {
    return http.send(
        HttpRequest.newBuilder(URI.create("http://" + management + path)).build(),
        BodyHandlers.ofString());
  }

  RunningCluster awaitReady() {
    await("the head is ready")
        .atMost(KnarrProcess.LIMIT)
        .until(() -> status().phase() == HeadPhase.READY);
    return this;
  }

  <T> HttpResponse<T> ask(
      String question, int tokens, boolean stream, HttpResponse.BodyHandler<T> body)
      throws IOException, InterruptedException {
    return http.send(question(question, tokens, stream), body);
  }

  private HttpRequest question(String question, int tokens, boolean stream)
      throws IOException, InterruptedException {
    return HttpRequest.newBuilder(
            URI.create(Objects.requireNonNull(status().endpoint()) + "/chat/completions"))
        .POST(
            HttpRequest.BodyPublishers.ofString(
                "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],\"temperature\":0,\"max_tokens\":%d,\"stream\":%b}"
                    .formatted(question, tokens, stream)))
        .build();
  }

  /** Four answers as streams and four in one piece, all begun at once. */
  List<CompletableFuture<HttpResponse<String>>> beginEight() {
    return IntStream.range(0, 8).mapToObj(i -> begin(i % 2 == 0)).toList();
  }

  private CompletableFuture<HttpResponse<String>> begin(boolean stream) {
    try {
      return http.sendAsync(question(QUESTION, 600, stream), BodyHandlers.ofString());
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Tokens of the answers that llama-server is working on. */
  int decodedTokens() throws IOException, InterruptedException {
    var slots = URI.create(Objects.requireNonNull(status().endpoint()).replace("/v1", "/slots"));
    return DECODED
        .matcher(http.send(HttpRequest.newBuilder(slots).build(), BodyHandlers.ofString()).body())
        .results()
        .mapToInt(slot -> Integer.parseInt(slot.group(1)))
        .sum();
  }

  void signalSecond(String name) throws IOException, InterruptedException {
    var process = second.process().awaitPart(line -> line.contains("quarkus-run.jar worker"));
    var kill =
        new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).inheritIO().start();
    assertThat(kill.waitFor()).isZero();
  }

  /** Ends the second worker by force. */
  void killSecond() throws IOException, InterruptedException {
    signalSecond("KILL");
    second.process().awaitExit();
  }

  /** Starts another in the place of the second, as whoever keeps it running would. */
  void replaceSecond() {
    second.close();
    var port = second.rpc().substring(second.rpc().lastIndexOf(':') + 1);
    second = RunningWorker.startAt(port, folder, "second");
  }

  @Override
  public void close() {
    http.shutdownNow();
    head.terminate();
    head.awaitExit();
    head.close();
    second.close();
    first.close();
  }
}
