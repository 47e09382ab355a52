// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/** Definitions of the kinds that an API server does not have by itself. */
final class Definitions {
  private Definitions() {}

  static void clusters(ApiServer server) {
    install(
        server, () -> Files.newInputStream(Path.of("../crds/inferenceclusters.knarr.dev.yaml")));
  }

  static void podMonitors(ApiServer server) {
    install(
        server,
        () ->
            Objects.requireNonNull(
                ApiServer.class.getResourceAsStream("podmonitors.monitoring.coreos.com.yaml")));
  }

  /** Where a definition is read from. */
  private interface Source {
    InputStream open() throws IOException;
  }

  private static void install(ApiServer server, Source source) {
    try (var stream = source.open()) {
      var definition = Blueprints.YAML.unmarshal(stream, CustomResourceDefinition.class);
      server.client().resource(definition).serverSideApply();
      server.awaitKind(definition.getMetadata().getName());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
