// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.api.v1alpha1.DevicePlanStatus;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.InferenceClusterStatus;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.Pod;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;

/** An InferenceCluster of the namespace default, as its user sees it. */
record ServedModel(Kubernetes kubernetes, String name) {
  /** What the demo model answers to the example's question. */
  static final String RIGHT = "Knarr runs one model across the devices of many machines.";

  /** The demo model's file. */
  static final String FILE = "knarr-demo-q4_0.gguf";

  private static final Duration LONG_ENOUGH = Duration.ofMinutes(5);

  /**
   * Applies a cluster that runs the demo model from claim demo-model.
   *
   * @param spec further fields of the spec, as YAML in flow style
   */
  static ServedModel apply(Kubernetes kubernetes, String name, String spec) {
    return apply(kubernetes, name, file("demo-model", FILE), spec);
  }

  /** The same with other fields of the model, besides its name. */
  static ServedModel apply(Kubernetes kubernetes, String name, String model, String spec) {
    kubernetes
        .client()
        .resource(
            """
            apiVersion: knarr.dev/v1alpha1
            kind: InferenceCluster
            metadata: {name: %s, namespace: default}
            spec: {model: {name: knarr-demo, %s}, %s}
            """
                .formatted(name, model, spec))
        .create();
    return new ServedModel(kubernetes, name);
  }

  /** The model's field that names a file of a claim. */
  static String file(String claim, String path) {
    return "source: {claim: {claimName: %s, path: %s}}".formatted(claim, path);
  }

  InferenceCluster get() {
    return kubernetes
        .client()
        .resources(InferenceCluster.class)
        .inNamespace("default")
        .withName(name)
        .get();
  }

  /** Changes the spec, as a merge patch in JSON. */
  void change(String spec) {
    kubernetes.kubectl(
        "patch", "inferencecluster/" + name, "--type=merge", "-p", "{\"spec\":%s}".formatted(spec));
  }

  void delete() {
    kubernetes.kubectl("delete", "inferencecluster/" + name, "--wait=true", "--ignore-not-found");
  }

  private static Stream<Condition> conditions(InferenceCluster cluster) {
    return Optional.ofNullable(cluster.getStatus())
        .map(InferenceClusterStatus::getConditions)
        .stream()
        .flatMap(List::stream)
        // Those of an earlier generation say nothing about this one.
        .filter(c -> cluster.getMetadata().getGeneration().equals(c.getObservedGeneration()));
  }

  Optional<Condition> condition(ConditionType type) {
    return conditions(get()).filter(c -> type.value().equals(c.getType())).findFirst();
  }

  boolean ready() {
    return condition(ConditionType.READY).filter(c -> c.getStatus().equals("True")).isPresent();
  }

  void awaitReady() {
    await("%s to be ready".formatted(name)).atMost(LONG_ENOUGH).until(this::ready);
  }

  /** Waits until Ready is False for a reason, in a sentence with these words. */
  void awaitTrouble(ConditionReason reason, String... words) {
    var since = Instant.now();
    await("%s to be told".formatted(reason.value()))
        .atMost(LONG_ENOUGH)
        .pollInterval(Duration.ofMillis(200))
        .untilAsserted(
            () -> {
              assertThat(condition(ConditionType.READY))
                  .hasValueSatisfying(
                      ready -> {
                        assertThat(ready.getStatus()).isEqualTo("False");
                        assertThat(ready.getReason()).isEqualTo(reason.value());
                        assertThat(ready.getMessage()).contains(words);
                      });
            });
    report(
        "%s (%s) after"
            .formatted(
                reason.value(),
                condition(ConditionType.READY).map(Condition::getMessage).orElse("")),
        since);
  }

  /** Prints how long something took. */
  static void report(String what, Instant since) {
    System.out.printf("%s %.1f s%n", what, Duration.between(since, Instant.now()).toMillis() / 1e3);
  }

  /** {@code cpu-0/0: 0-3} and so on, of the plan in the status. */
  List<String> plan() {
    return devices().map(device -> device.getName() + ": " + device.getLayers()).toList();
  }

  /** How much of the model each device holds, of the plan in the status. */
  List<String> weights() {
    return devices().map(device -> String.valueOf(device.getWeights())).toList();
  }

  private Stream<DevicePlanStatus> devices() {
    var plan = Objects.requireNonNull(get().getStatus().getPlan());
    return Objects.requireNonNull(plan.getDevices()).stream();
  }

  /** All pods, but for those that end. */
  List<Pod> pods() {
    return kubernetes
        .client()
        .pods()
        .inNamespace("default")
        .withLabel("knarr.dev/cluster", name)
        .list()
        .getItems()
        .stream()
        .filter(pod -> !"Succeeded".equals(pod.getStatus().getPhase()))
        .toList();
  }

  /** The pods of {@code head} or {@code worker}. */
  List<Pod> pods(String component) {
    return pods().stream()
        .filter(
            pod ->
                component.equals(pod.getMetadata().getLabels().get("app.kubernetes.io/component")))
        .toList();
  }

  /** Asks the example's question through the Service. */
  String answer() {
    var body =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"What is Knarr?\"}],\"temperature\":0,\"max_tokens\":40}";
    try (var way = kubernetes.toService(name);
        var http = HttpClient.newHttpClient()) {
      return http.send(request(way, "/v1/chat/completions", body), BodyHandlers.ofString()).body();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Starts a streamed answer of so many tokens. */
  Answer stream(int tokens) {
    var body =
        "{\"prompt\":\"What is Knarr?\",\"stream\":true,\"ignore_eos\":true,\"temperature\":0,\"max_tokens\":%d}"
            .formatted(tokens);
    var way = kubernetes.toService(name);
    return new Answer(way, request(way, "/v1/completions", body));
  }

  private static HttpRequest request(Kubernetes.Way way, String path, String body) {
    return HttpRequest.newBuilder(URI.create("http://" + way + path))
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(body))
        .build();
  }

  /** An answer that is being streamed. Any thread. */
  static final class Answer implements AutoCloseable {
    private final Kubernetes.Way way;
    private final HttpClient http = HttpClient.newHttpClient();
    private final AtomicInteger tokens = new AtomicInteger();
    private final AtomicReference<String> last = new AtomicReference<>("");
    private final CompletableFuture<Void> end;

    private Answer(Kubernetes.Way way, HttpRequest request) {
      this.way = way;
      end =
          http.sendAsync(request, BodyHandlers.ofLines())
              .thenAccept(
                  response ->
                      response
                          .body()
                          .filter(line -> line.startsWith("data: "))
                          .forEach(this::take));
    }

    private void take(String event) {
      last.set(event);
      tokens.incrementAndGet();
    }

    /** How many have come until now. */
    int tokens() {
      return tokens.get();
    }

    /** Whether it goes on. */
    boolean runs() {
      return !end.isDone();
    }

    /** Waits for its end; returns its last event. */
    String end() {
      end.join();
      return last.get();
    }

    /** Breaks it off. */
    @Override
    public void close() throws IOException {
      http.shutdownNow();
      way.close();
    }
  }
}
