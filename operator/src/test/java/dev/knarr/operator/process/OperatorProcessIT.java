// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.process.Shape.Source;
import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The built operator, with what its chart sets and grants. */
class OperatorProcessIT {
  private static final Duration LIMIT = Duration.ofMinutes(2);

  @TempDir private Path folder;
  private ApiServer server;
  private KubernetesClient client;

  @BeforeEach
  void start() {
    server = ApiServer.with().audit().start();
    client = server.client();
    for (var name : List.of("one", "two", "three")) {
      client
          .resource(new NamespaceBuilder().withNewMetadata().withName(name).endMetadata().build())
          .create();
    }
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void whenItIsForTwoNamespaces_thenItWorksThereAndAsksNowhereElse() {
    var account = OperatorAccount.install(server, folder, "watch.namespaces={one,two}");
    List.of("one", "two", "three").forEach(this::create);

    try (var operator =
            OperatorProcess.start(
                account, "knarr-0", folder, Map.of("QUARKUS_OPERATOR_SDK_NAMESPACES", "one,two"));
        var audit = AuditLog.of(server)) {
      await("clusters of its namespaces")
          .atMost(LIMIT)
          .until(() -> hasStatus("one") && hasStatus("two"));
      create("one", "late");
      await("a later one").atMost(LIMIT).until(() -> hasStatus("one", "late"));

      assertThat(operator.ready()).isTrue();
      assertThat(hasStatus("three")).isFalse();
      assertThat(audit.requests())
          .noneMatch(request -> request.code() == 403)
          .extracting(AuditLog.Request::namespace)
          .containsOnly("one", "two", OperatorAccount.NAMESPACE);
    }
  }

  @Test
  void whenTwoRun_thenOneWorksAndTheOtherTakesOverWhenItEnds() {
    var account = OperatorAccount.install(server, folder);

    try (var first = OperatorProcess.start(account, "knarr-0", folder, Map.of())) {
      create("one");
      await("the first works").atMost(LIMIT).until(() -> hasStatus("one"));
      try (var second = OperatorProcess.start(account, "knarr-1", folder, Map.of())) {
        // Ready though it stands by: else no update of its Deployment would ever end.
        await("the second stands by").atMost(LIMIT).until(second::ready);
        assertThat(holder()).isEqualTo("knarr-0");

        first.stop();
        create("two");
        await("the second works").atMost(LIMIT).until(() -> hasStatus("two"));
        assertThat(holder()).isEqualTo("knarr-1");
      }
    }
  }

  @Test
  void whenASecretOfTheNameIsSomebodyElses_thenTheClusterWaitsUntilItHasGone() {
    var account = OperatorAccount.install(server, folder);
    var theirs =
        client
            .resource(
                new SecretBuilder()
                    .withNewMetadata()
                    .withNamespace("one")
                    .withName("c-tls")
                    .endMetadata()
                    .build())
            .create();
    create("one");

    try (var _ = OperatorProcess.start(account, "knarr-0", folder, Map.of())) {
      await("the name is taken").atMost(LIMIT).until(() -> "NameTaken".equals(reason("one")));
      client.resource(theirs).delete();
      // Nobody tells the operator: it may not watch Secrets.
      await("its own").atMost(LIMIT).until(() -> !"NameTaken".equals(reason("one")));
    }
  }

  @Test
  void whenTheApiServerCannotBeReached_thenItSaysSoLivesAndIsReadyOnceItCan() {
    var account = OperatorAccount.install(server, folder);
    create("one");

    try (var door = Door.to(server);
        var operator = OperatorProcess.start(account.through(door), "knarr-0", folder, Map.of())) {
      var sentence = "The API server at %s does not serve the operator: ".formatted(door.url());
      await("it says so").atMost(LIMIT).until(() -> operator.log().contains(sentence));
      await("it lives").atMost(LIMIT).until(operator::live);
      assertThat(operator.ready()).isFalse();

      door.open();
      await("it is ready").atMost(LIMIT).until(operator::ready);
      await("it works").atMost(LIMIT).until(() -> hasStatus("one"));
      assertThat(operator.log())
          .containsOnlyOnce(sentence)
          .contains("Connection refused", "Look at whether pods of this node reach")
          .contains("Ready, with the API server at " + door.url());
    }
  }

  @Test
  void whenTheDefinitionIsMissing_thenItEndsAndSaysWhy() {
    var account = OperatorAccount.install(server, folder);
    server.kubectl("delete", "crd", "inferenceclusters.knarr.dev");

    try (var operator = OperatorProcess.start(account, "knarr-0", folder, Map.of())) {
      assertThat(operator.exitCode()).isEqualTo(1);
      assertThat(operator.log())
          .contains("The operator cannot start, and ends: ", "inferenceclusters.knarr.dev");
    }
  }

  private String holder() {
    return client
        .leases()
        .inNamespace(OperatorAccount.NAMESPACE)
        .withName("knarr-operator")
        .get()
        .getSpec()
        .getHolderIdentity();
  }

  private void create(String namespace) {
    create(namespace, "c");
  }

  private void create(String namespace, String name) {
    var shape = new Shape(Source.BY_HEAD, List.of(1), 1, true, true, 0);
    client.resource(shape.cluster(namespace, name)).create();
  }

  private boolean hasStatus(String namespace) {
    return hasStatus(namespace, "c");
  }

  private boolean hasStatus(String namespace, String name) {
    return get(namespace, name).getStatus() != null;
  }

  private String reason(String namespace) {
    var status = get(namespace, "c").getStatus();
    return status == null ? "" : String.valueOf(status.getReason());
  }

  private InferenceCluster get(String namespace, String name) {
    return client.resources(InferenceCluster.class).inNamespace(namespace).withName(name).get();
  }
}
