// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/** Definitions of the kinds that an API server does not have by itself. */
final class Definitions {
  private Definitions() {}

  static void clusters(KubernetesClient client) {
    install(
        client, () -> Files.newInputStream(Path.of("../crds/inferenceclusters.knarr.dev.yaml")));
  }

  static void podMonitors(KubernetesClient client) {
    install(
        client,
        () ->
            Objects.requireNonNull(
                ApiServer.class.getResourceAsStream("podmonitors.monitoring.coreos.com.yaml")));
  }

  /** Where a definition is read from. */
  private interface Source {
    InputStream open() throws IOException;
  }

  private static void install(KubernetesClient client, Source source) {
    try (var stream = source.open()) {
      var definition =
          client.resource(Blueprints.YAML.unmarshal(stream, CustomResourceDefinition.class));
      definition.serverSideApply();
      definition.waitUntilCondition(Definitions::established, 30, TimeUnit.SECONDS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean established(CustomResourceDefinition definition) {
    return definition.getStatus() != null
        && definition.getStatus().getConditions() != null
        && definition.getStatus().getConditions().stream()
            .anyMatch(
                condition ->
                    condition.getType().equals("Established")
                        && condition.getStatus().equals("True"));
  }
}
