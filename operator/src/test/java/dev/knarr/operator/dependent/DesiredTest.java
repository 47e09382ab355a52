// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.api.v1alpha1.Violation;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Release;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What is made of a cluster, compared with files; KNARR_TEST_RECORD=1 writes them anew. */
final class DesiredTest {
  static List<String> clusters() {
    return Blueprints.names();
  }

  @ParameterizedTest
  @MethodSource("clusters")
  void whenAClusterIsGiven_thenTheObjectsAreAsRecorded(String name) throws IOException {
    var blueprint = Blueprints.of(name);

    var objects = yaml(blueprint);

    assertThat(blueprint.problems()).isEmpty();
    var file = Blueprints.FOLDER.resolve(name).resolve("expected.yaml");
    if ("1".equals(System.getenv("KNARR_TEST_RECORD"))) {
      Files.writeString(file, objects);
    }
    assertThat(objects).isEqualTo(Files.readString(file));
  }

  @Test
  void whenTheSameIsMadeAgain_thenTheRevisionsAreTheSame() {
    assertThat(yaml(Blueprints.of("everything"))).isEqualTo(yaml(Blueprints.of("everything")));
  }

  @Test
  void whenAnArgumentOfTheHeadChanges_thenOnlyTheHeadIsRestarted() {
    var before = Blueprints.of("everything");
    var after = Blueprints.changed("everything", "[\"--jinja\"]", "[\"--jinja\", \"--verbose\"]");

    assertThat(headRevision(after)).isNotEqualTo(headRevision(before));
    assertThat(after.headRevision()).isEqualTo(headRevision(after));
    assertThat(workers(after)).isEqualTo(workers(before));
    assertThat(jobName(after)).isEqualTo(jobName(before));
  }

  @Test
  void whenAGroupGrows_thenItsWorkersStay() {
    var before = Blueprints.of("everything");
    var after = Blueprints.changed("everything", "replicas: 2", "replicas: 3");

    assertThat(workers(after)).isEqualTo(workers(before));
    assertThat(headRevision(after)).isNotEqualTo(headRevision(before));
  }

  @Test
  void whenTheServicesPortChanges_thenNothingIsRestarted() {
    var before = Blueprints.of("everything");
    var after = Blueprints.changed("everything", "port: 80,", "port: 81,");

    assertThat(headRevision(after)).isEqualTo(headRevision(before));
    assertThat(workers(after)).isEqualTo(workers(before));
  }

  @Test
  void whenTheSourceChanges_thenAnotherJobFetchesIt() {
    var before = Blueprints.of("everything");
    var after = Blueprints.changed("everything", "revision: v1", "revision: v2");

    assertThat(jobName(after)).isNotEqualTo(jobName(before));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "cpu: \"2\", memory: 24Gi | cpu: \"3\", memory: 24Gi",
        "drainSeconds: 120 | annotations: { note: mine }",
        "nodeSelector: { zone: a } | nodeSelector: { zone: b }",
        "{ name: hf, key: token } | { name: hf, key: other }"
      })
  void whenNothingElseIsBrought_thenItIsTheSameJob(String text, String replacement) {
    var before = Blueprints.of("everything");
    var after = Blueprints.changed("everything", text, replacement);

    assertThat(jobName(after)).isEqualTo(jobName(before));
  }

  @Test
  void whenAnotherReleaseBringsTheModel_thenItIsTheSameJob() {
    var before = Blueprints.of("everything");
    var release =
        new Release(
            "2.0.0",
            "registry.example/knarr/head:2",
            "registry.example/knarr/server:2",
            before.release().workerImages(),
            null,
            List.of(),
            null,
            Map.of());
    var after = new Blueprint(before.cluster(), before.spec(), release, before.facts());

    assertThat(jobName(after)).isEqualTo(jobName(before));
  }

  @Test
  void whenTheStorageChanges_thenAnotherJobFillsIt() {
    var before = Blueprints.of("everything");
    var after =
        Blueprints.changed(
            "everything",
            "claim: { size: 400Gi, accessModes: [ReadWriteMany], storageClassName: shared }",
            "claimName: other");

    assertThat(jobName(after)).isNotEqualTo(jobName(before));
  }

  @Test
  void whenTheHeadWantsToBeBesideItsWorkers_thenTheJobDoesNotWaitForThem() {
    var workers =
        "affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: zone, labelSelector: { matchLabels: { app.kubernetes.io/component: worker } } }] } }";
    var pod =
        Blueprints.only(Blueprints.changed("everything", "drainSeconds: 120", workers), Job.class)
            .getSpec()
            .getTemplate()
            .getSpec();

    var affinity = pod.getAffinity().getPodAffinity();
    assertThat(affinity.getPreferredDuringSchedulingIgnoredDuringExecution())
        .extracting("podAffinityTerm.topologyKey")
        .containsExactly("zone");
    assertThat(affinity.getRequiredDuringSchedulingIgnoredDuringExecution())
        .extracting("topologyKey")
        .doesNotContain("zone");
  }

  @Test
  void whenOnlyATokenChanges_thenTheFileKeepsItsPlace() {
    var before = ModelFiles.of(Blueprints.of("everything")).files();
    var after =
        ModelFiles.of(Blueprints.changed("everything", "{ name: hf,", "{ name: other,")).files();

    assertThat(after.getFirst().path()).isEqualTo(before.getFirst().path());
  }

  @Test
  void whenThereIsNoImageForABackend_thenTheSentenceSaysWhatToDo() {
    var blueprint =
        Blueprints.changed("everything", "image: registry.example/worker-cuda:1", "# none");

    assertThat(blueprint.problems())
        .containsExactly(
            new Violation(
                "spec.workers[0].image",
                "This operator has no image for workers with cuda. Set image in the group, or images.workerCuda in the operator's chart."));
  }

  @Test
  void whenAVolumeHasANameOfOurs_thenTheSentenceSaysSo() {
    var blueprint =
        Blueprints.changed("everything", "[{ name: v, emptyDir", "[{ name: tensor-cache, emptyDir");

    assertThat(blueprint.problems())
        .containsExactly(
            new Violation(
                "spec.workers[0].volumes",
                "A volume is named tensor-cache, as Knarr's own is. Rename it."));
  }

  @Test
  void whenNoGroupHasAWorker_thenTheSentenceSaysSo() {
    var blueprint = Blueprints.changed("claim", "replicas: 2", "replicas: 0");

    assertThat(blueprint.problems())
        .containsExactly(new Violation("spec.workers", Problems.NO_WORKER));
  }

  private static String yaml(Blueprint blueprint) {
    return Blueprints.desired(blueprint).stream()
        .map(Blueprints.YAML::asYaml)
        .collect(Collectors.joining());
  }

  private static String headRevision(Blueprint blueprint) {
    return revision(Blueprints.only(blueprint, Deployment.class).getSpec().getTemplate());
  }

  private static String workers(Blueprint blueprint) {
    return revision(Blueprints.only(blueprint, StatefulSet.class).getSpec().getTemplate());
  }

  private static String revision(PodTemplateSpec template) {
    return String.valueOf(template.getMetadata().getAnnotations().get(Labels.REVISION));
  }

  private static String jobName(Blueprint blueprint) {
    return Blueprints.only(blueprint, Job.class).getMetadata().getName();
  }
}
