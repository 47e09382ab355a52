// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.kube;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ApiServerIT {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  @Test
  void whenAnOwnerIsDeleted_thenItsDependentsGoAndTheAuditLogHasWhoDidWhat() throws IOException {
    try (var server = ApiServer.with().audit().garbageCollection().start();
        var client = server.client()) {
      var owner = client.resource(configMap("owner", null)).create();
      client.resource(configMap("dependent", owner)).create();

      client.resource(owner).delete();

      await("the dependent is collected")
          .atMost(LIMIT)
          .until(
              () -> client.configMaps().inNamespace("default").withName("dependent").get() == null);
      assertThat(Files.readString(server.auditLog()))
          .contains("\"verb\":\"create\"")
          .contains("\"name\":\"dependent\"")
          .contains("\"verb\":\"delete\"");
    }
  }

  @Test
  void whenTheSharedServerIsAskedForTwice_thenItIsTheSame() {
    var server = ApiServer.shared();
    server
        .client()
        .resource(new NamespaceBuilder().withNewMetadata().withName("mine").endMetadata().build())
        .create();

    try (var user = ApiServer.shared().clientAs("somebody")) {
      assertThat(ApiServer.shared()).isSameAs(server);
      assertThat(server.client().namespaces().withName("mine").get()).isNotNull();
      assertThat(user.getConfiguration().getImpersonateUsername()).isEqualTo("somebody");
      assertThat(server.kubectl("version")).contains("Server Version");
    }
  }

  @Test
  void whenTheJvmOfAServerIsKilled_thenNoProcessIsLeft(@TempDir Path folder) throws IOException {
    KubePrograms.program("kube-apiserver");
    var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    var jvm =
        new ProcessBuilder(
                java,
                "-Djava.io.tmpdir=" + folder,
                "-cp",
                System.getProperty("java.class.path"),
                Holder.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    var output =
        new BufferedReader(new InputStreamReader(jvm.getInputStream(), StandardCharsets.UTF_8));
    assertThat(output.readLine()).isEqualTo("started");
    var processes = jvm.descendants().toList();
    assertThat(processes).hasSize(2);

    jvm.destroyForcibly();

    await("etcd and kube-apiserver end with the JVM")
        .atMost(LIMIT)
        .until(() -> processes.stream().noneMatch(ProcessHandle::isAlive));
  }

  /** A JVM that holds a server until it is killed. */
  static final class Holder {
    private Holder() {}

    public static void main(String[] args) throws InterruptedException {
      ApiServer.shared();
      System.out.println("started");
      Thread.currentThread().join();
    }
  }

  private static ConfigMap configMap(String name, @Nullable ConfigMap owner) {
    var metadata = new ConfigMapBuilder().withNewMetadata().withName(name).withNamespace("default");
    if (owner != null) {
      metadata
          .addNewOwnerReference()
          .withApiVersion("v1")
          .withKind("ConfigMap")
          .withName(owner.getMetadata().getName())
          .withUid(owner.getMetadata().getUid())
          .endOwnerReference();
    }
    return metadata.endMetadata().build();
  }
}
