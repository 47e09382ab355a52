// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionReason;
import io.fabric8.kubernetes.api.model.Pod;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** A running cluster whose spec changes, on a real Kubernetes. */
@Tag(RealCluster.LONG)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(RealCluster.class)
class RolloutE2E {
  private static final String OTHER_FILE = "knarr-demo-q8_0.gguf";

  private ServedModel model;

  @BeforeAll
  void serve(Kubernetes kubernetes) {
    model =
        ServedModel.apply(
            kubernetes,
            "changing",
            // Long enough for a stream on a busy machine.
            "head: {drainSeconds: 600}, workers: [{name: cpu, replicas: 2, backend: cpu}]");
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
            .formatted(ServedModel.FILE));
    model.awaitReady();
    assertThat(model.answer()).contains(ServedModel.RIGHT);
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
    try (var stream = model.stream(300)) {
      await("the stream to run").atMost(Duration.ofMinutes(1)).until(() -> stream.tokens() > 0);

      model.change("{\"head\": {\"args\": [\"--temp\", \"0.5\"]}}");
      assertThat(stream.runs()).as("the stream when the spec changes").isTrue();

      assertThat(stream.end()).isEqualTo("data: [DONE]");
      assertThat(stream.tokens()).isGreaterThan(300);
    }
    model.awaitReady();
    assertThat(model.answer()).contains(ServedModel.RIGHT);
    assertThat(workerUids()).isEqualTo(workers);
  }

  @Test
  void whenThereIsOneWorkerLess_thenTheOtherHasAllLayers() {
    model.change("{\"workers\": [{\"name\": \"cpu\", \"replicas\": 1, \"backend\": \"cpu\"}]}");

    model.awaitReady();
    assertThat(model.plan()).containsExactly("cpu-0/0: 0-7, output");
    assertThat(model.pods("worker")).hasSize(1);
    assertThat(model.answer()).contains(ServedModel.RIGHT);
  }

  @Test
  void whenTheModelChanges_thenTheOtherOneAnswers() {
    var before = model.weights();

    model.change(
        "{\"model\": {\"source\": {\"claim\": {\"path\": \"%s\"}}}}".formatted(OTHER_FILE));

    model.awaitReady();
    assertThat(model.answer()).contains(ServedModel.RIGHT);
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
