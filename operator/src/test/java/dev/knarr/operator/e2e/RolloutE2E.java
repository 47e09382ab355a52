// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.testkit.kube.OneNodeCluster;
import io.fabric8.kubernetes.api.model.Pod;
import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** A running cluster whose spec changes, on a real Kubernetes. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(RealCluster.class)
class RolloutE2E {
  private static final String FILE = "knarr-demo-q4_0.gguf";
  private static final String OTHER_FILE = "knarr-demo-q8_0.gguf";
  private static final String RIGHT = "Knarr runs one model across the devices of many machines.";

  private ServedModel model;

  @BeforeAll
  void serve(OneNodeCluster kubernetes) throws IOException {
    Files.copy(
        RealCluster.ROOT.resolve("docs/examples/models").resolve(OTHER_FILE),
        kubernetes.kubeconfigFile().resolveSibling("models").resolve(OTHER_FILE),
        StandardCopyOption.REPLACE_EXISTING);
    model =
        ServedModel.apply(
            kubernetes,
            "changing",
            "demo-model",
            FILE,
            "workers: [{name: cpu, replicas: 2, backend: cpu}]");
    model.awaitReady();
  }

  @AfterAll
  void remove() {
    if (model != null) {
      model.delete();
    }
  }

  @AfterEach
  void answersAsBefore() {
    model.change(
        """
        {"model": {"source": {"claim": {"path": "%s"}}}, "head": {"args": []},
         "workers": [{"name": "cpu", "replicas": 2, "backend": "cpu"}]}
        """
            .formatted(FILE));
    model.awaitReady();
    assertThat(model.answer()).contains(RIGHT);
    assertThat(model.plan()).containsExactly("cpu-0/0: 0-3", "cpu-1/0: 4-7, output");
    assertThat(
            model.kubernetes().kubectl("get", "pvc/demo-model", "-o", "jsonpath={.status.phase}"))
        .isEqualTo("Bound");
  }

  private List<String> workerUids() {
    return model.pods("worker").stream().map(Pod::getMetadata).map(m -> m.getUid()).toList();
  }

  @Test
  void whenAnArgumentChangesDuringAStream_thenTheStreamIsFinishedFirst() throws Exception {
    var workers = workerUids();
    try (var http = HttpClient.newHttpClient()) {
      var events = new ConcurrentLinkedDeque<String>();
      var stream = model.stream(http, 500, events);
      await("the stream to run").atMost(Duration.ofMinutes(1)).until(() -> !events.isEmpty());

      model.change("{\"head\": {\"args\": [\"--temp\", \"0.5\"]}}");

      stream.get();
      assertThat(events).hasSizeGreaterThan(500);
      assertThat(events.getLast()).isEqualTo("data: [DONE]");
    }
    model.awaitReady();
    assertThat(model.answer()).contains(RIGHT);
    assertThat(workerUids()).isEqualTo(workers);
  }

  @Test
  void whenThereIsOneWorkerLess_thenTheOtherHasAllLayers() {
    model.change("{\"workers\": [{\"name\": \"cpu\", \"replicas\": 1, \"backend\": \"cpu\"}]}");

    model.awaitReady();
    assertThat(model.plan()).containsExactly("cpu-0/0: 0-7, output");
    assertThat(model.pods("worker")).hasSize(1);
    assertThat(model.answer()).contains(RIGHT);
  }

  @Test
  void whenTheModelChanges_thenTheOtherOneAnswers() {
    var before = model.weights();

    model.change(
        "{\"model\": {\"source\": {\"claim\": {\"path\": \"%s\"}}}}".formatted(OTHER_FILE));

    model.awaitReady();
    assertThat(model.answer()).contains(RIGHT);
    assertThat(model.weights()).hasSize(2).isNotEqualTo(before);
  }

  @Test
  void whenTheWorkersImageIsNotThere_thenItIsNamedWithThePod() {
    model.change(
        """
        {"workers": [{"name": "cpu", "replicas": 2, "backend": "cpu", "image": "registry.invalid/worker:1"}]}
        """);

    model.awaitTrouble(
        ConditionReason.IMAGE_PULL_FAILED, "registry.invalid/worker:1", "pod changing-cpu-");
  }

  @Test
  void whenLlamaServerRefusesAnArgument_thenItIsNamed() {
    model.change("{\"head\": {\"args\": [\"--no-such-argument\"]}}");

    model.awaitTrouble(ConditionReason.LLAMA_SERVER_ENDED, "--no-such-argument");
  }
}
