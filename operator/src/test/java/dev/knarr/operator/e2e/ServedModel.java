// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.api.v1alpha1.DevicePlanStatus;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.InferenceClusterStatus;
import dev.knarr.testkit.kube.OneNodeCluster;
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
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

/** An InferenceCluster of the namespace default, as its user sees it. */
record ServedModel(OneNodeCluster kubernetes, String name) {
  /** What the status promises; everything else is for a busy machine. */
  static final Duration NOTICED = Duration.ofSeconds(15);

  private static final Duration LONG_ENOUGH = Duration.ofMinutes(5);

  /**
   * Applies a cluster that runs the demo model.
   *
   * @param spec further fields of the spec, as YAML in flow style
   */
  static ServedModel apply(
      OneNodeCluster kubernetes, String name, String claim, String file, String spec) {
    kubernetes
        .client()
        .resource(
            """
            apiVersion: knarr.dev/v1alpha1
            kind: InferenceCluster
            metadata: {name: %s, namespace: default}
            spec: {model: {name: knarr-demo, source: {claim: {claimName: %s, path: %s}}}, %s}
            """
                .formatted(name, claim, file, spec))
        .create();
    return new ServedModel(kubernetes, name);
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
              var ready = condition(ConditionType.READY).orElseThrow();
              assertThat(ready.getStatus()).isEqualTo("False");
              assertThat(ready.getReason()).isEqualTo(reason.value());
              assertThat(ready.getMessage()).contains(words);
            });
    System.out.printf(
        "%s after %s: %s%n",
        reason.value(),
        Duration.between(since, Instant.now()),
        condition(ConditionType.READY).map(Condition::getMessage).orElse(""));
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

  List<Pod> pods(String component) {
    return kubernetes
        .client()
        .pods()
        .inNamespace("default")
        .withLabel("knarr.dev/cluster", name)
        .withLabel("app.kubernetes.io/component", component)
        .list()
        .getItems();
  }

  /** Asks the example's question through the Service. */
  String answer() {
    var body =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"What is Knarr?\"}],\"temperature\":0,\"max_tokens\":40}";
    try (var http = HttpClient.newHttpClient()) {
      return http.send(request("/v1/chat/completions", body), BodyHandlers.ofString()).body();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Starts a streamed answer of so many tokens; its events are added to the queue as they come. */
  CompletableFuture<Void> stream(HttpClient http, int tokens, Queue<String> events) {
    var body =
        "{\"prompt\":\"What is Knarr?\",\"stream\":true,\"ignore_eos\":true,\"temperature\":0,\"max_tokens\":%d}"
            .formatted(tokens);
    return http.sendAsync(request("/v1/completions", body), BodyHandlers.ofLines())
        .thenAccept(
            response -> response.body().filter(line -> !line.isBlank()).forEach(events::add));
  }

  private HttpRequest request(String path, String body) {
    var address =
        kubernetes.kubectl(
            "get", "service/" + name, "-o", "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}");
    return HttpRequest.newBuilder(URI.create("http://" + address + path))
        .header("Content-Type", "application/json")
        .timeout(LONG_ENOUGH)
        .POST(HttpRequest.BodyPublishers.ofString(body))
        .build();
  }
}
