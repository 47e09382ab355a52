// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** What head and workers say of bytes and tokens, against what the kernel has sent. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(RealCluster.class)
class TrafficE2E {
  private static final int TOKENS = 300;
  private static final double PERCENT = 1;
  private static final Pattern COUNTER =
      Pattern.compile("knarr_(?:head|worker)_rpc_bytes_total\\{(.*)} (\\S+)");

  private Kubernetes kubernetes;
  private ServedModel model;

  @BeforeAll
  void serve(Kubernetes running) {
    kubernetes = running;
    kubernetes.requireThisMachine("bytes against what the kernel counts");
    model =
        ServedModel.apply(
            kubernetes,
            "counted",
            "network: {tls: {mode: Disabled}}, workers: [{name: cpu, replicas: 1, backend: cpu}]");
    model.awaitReady();
  }

  @AfterAll
  void remove() {
    if (model != null) {
      model.delete();
    }
  }

  /** Bytes to and from the worker. */
  private record Bytes(long requests, long responses) {
    Bytes since(Bytes before) {
      return new Bytes(requests - before.requests, responses - before.responses);
    }
  }

  @Test
  void whenAnAnswerIsGenerated_thenHeadAndWorkerCountWhatTheKernelSends() throws Exception {
    var head = model.pods("head").getFirst().getMetadata().getName();
    var sockets = new PodSockets(PodProcess.of(kubernetes.client(), head), 50052);
    var sentBefore = sockets.bytes();
    var headBefore = bytes(kubernetes.metrics(head));
    var workerBefore = bytes(kubernetes.metrics("counted-cpu-0"));
    double tokensBefore = generated(head);

    try (var stream = model.stream(TOKENS)) {
      assertThat(stream.end()).isEqualTo("data: [DONE]");
    }

    await("the tokens of the answer")
        .atMost(Duration.ofMinutes(1))
        .untilAsserted(() -> assertThat(generated(head) - tokensBefore).isEqualTo(TOKENS));
    var now = sockets.bytes();
    assertThat(now.keySet()).as("connections").isEqualTo(sentBefore.keySet());
    var kernel =
        new Bytes(
            PodSockets.sum(now, PodSockets.Count::sent)
                - PodSockets.sum(sentBefore, PodSockets.Count::sent),
            PodSockets.sum(now, PodSockets.Count::received)
                - PodSockets.sum(sentBefore, PodSockets.Count::received));
    var ofHead = bytes(kubernetes.metrics(head)).since(headBefore);
    var ofWorker = bytes(kubernetes.metrics("counted-cpu-0")).since(workerBefore);
    System.out.printf(
        "%d tokens: the kernel has sent %s, the head counts %s, the worker %s%n",
        TOKENS, kernel, ofHead, ofWorker);
    assertThat(kernel.requests).isGreaterThan(TOKENS * 100L);
    for (var counted : List.of(ofHead, ofWorker)) {
      assertThat(counted.requests).isCloseTo(kernel.requests, withinPercentage(PERCENT));
      assertThat(counted.responses).isCloseTo(kernel.responses, withinPercentage(PERCENT));
    }
  }

  /** Of all commands. */
  private static Bytes bytes(String metrics) {
    var sums = new TreeMap<String, Double>();
    COUNTER
        .matcher(metrics)
        .results()
        .forEach(
            line ->
                sums.merge(
                    line.group(1).contains("direction=\"request\"") ? "request" : "response",
                    Double.valueOf(line.group(2)),
                    Double::sum));
    return new Bytes(
        sums.getOrDefault("request", 0.0).longValue(),
        sums.getOrDefault("response", 0.0).longValue());
  }

  private double generated(String head) throws IOException, InterruptedException {
    return kubernetes
        .metrics(head)
        .lines()
        .filter(line -> line.startsWith("knarr_head_tokens_total{direction=\"generated\"}"))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
        .sum();
  }
}
