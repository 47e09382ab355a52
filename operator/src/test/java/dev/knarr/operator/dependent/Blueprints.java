// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.operator.Release;
import dev.knarr.operator.dependent.Blueprint.Facts;
import dev.knarr.operator.dependent.ModelClaims.ModelClaim;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Clusters of the test resources, and what is made of them. */
final class Blueprints {
  static final Path FOLDER = Path.of("src/test/resources/desired");
  static final KubernetesSerialization YAML = new KubernetesSerialization();

  static final Release RELEASE =
      new Release(
          "1.0.0",
          "registry.example/knarr/head:1",
          "registry.example/knarr/server:1",
          Map.of(
              "cpu",
              "registry.example/knarr/worker-cpu:1",
              "vulkan",
              "registry.example/knarr/worker-vulkan:1"),
          "IfNotPresent",
          List.of("pull"),
          "company-ca",
          Map.of("HTTPS_PROXY", "http://proxy.example:3128", "NO_PROXY", ".svc"));

  static final List<OwnedDependentResource<?>> DEPENDENTS =
      List.of(
          new ModelConfigMapDependentResource(),
          new ModelClaimDependentResource(),
          new ModelJobDependentResource(),
          new NetworkPolicyDependentResource(),
          new DisruptionBudgetDependentResource(),
          new PodMonitorDependentResource(),
          new WorkerServiceDependentResource(),
          new WorkerStatefulSetDependentResource(),
          new HeadConfigMapDependentResource(),
          new HeadDeploymentDependentResource(),
          new EndpointServiceDependentResource());

  private Blueprints() {}

  static List<String> names() {
    try (Stream<Path> folders = Files.list(FOLDER)) {
      return folders.map(folder -> folder.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static InferenceCluster cluster(String name) {
    return YAML.unmarshal(text(name), InferenceCluster.class);
  }

  /** A cluster whose file reads differently. */
  static InferenceCluster cluster(String name, UnaryOperator<String> change) {
    return YAML.unmarshal(change.apply(text(name)), InferenceCluster.class);
  }

  /** A cluster with another text in one place of its file. */
  static Blueprint changed(String name, String text, String replacement) {
    var before = text(name);
    assertThat(before).containsOnlyOnce(text);
    return of(cluster(name, all -> all.replace(text, replacement)));
  }

  private static String text(String name) {
    try {
      return Files.readString(FOLDER.resolve(name).resolve("cluster.yaml"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Blueprint of(String name) {
    return of(cluster(name));
  }

  static Blueprint of(InferenceCluster cluster) {
    var spec = ResolvedSpec.from(cluster);
    return new Blueprint(
        cluster,
        spec,
        RELEASE,
        new Facts(
            spec.replicas(),
            Map.of(),
            false,
            Map.of("models", new ModelClaim("uid-of-models", true)),
            Optional.empty(),
            Set.of("glm-model", "single"),
            "knarr-system",
            Map.of("kubernetes.io/metadata.name", "monitoring")));
  }

  static List<HasMetadata> desired(Blueprint blueprint) {
    return DEPENDENTS.stream()
        .flatMap(dependent -> dependent.desired(blueprint).stream())
        .map(HasMetadata.class::cast)
        .toList();
  }

  static <R extends HasMetadata> R only(Blueprint blueprint, Class<R> type) {
    return desired(blueprint).stream()
        .filter(type::isInstance)
        .map(type::cast)
        .findFirst()
        .orElseThrow();
  }
}
