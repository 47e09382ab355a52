// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.dependent.NameTakenException;
import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.api.model.rbac.PolicyRuleBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.nio.file.Files;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The Secrets on a real API server, by an operator that may do no more than it says. */
class CertificateSecretsIT {
  private static final String USER = "system:serviceaccount:knarr-system:knarr-operator";
  private static final Lifetimes LIFETIMES =
      new Lifetimes(Duration.ofDays(365), Duration.ofDays(90), Duration.ofSeconds(150));
  private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");

  @SuppressWarnings("NullAway.Init")
  private static ApiServer server;

  @SuppressWarnings("NullAway.Init")
  private static KubernetesClient operator;

  private String namespace = "";

  @BeforeAll
  static void start() {
    server = ApiServer.with().audit().start();
    operator = server.clientAs(USER);
  }

  @AfterAll
  static void stop() {
    operator.close();
    server.close();
  }

  @BeforeEach
  void makeNamespace() {
    namespace = "certs-" + UUID.randomUUID().toString().substring(0, 8);
    var client = server.client();
    client.namespaces().resource(named(namespace)).create();
    var metadata = new ObjectMetaBuilder().withName("operator").withNamespace(namespace).build();
    client
        .resource(
            new RoleBuilder()
                .withMetadata(metadata)
                .withRules(
                    new PolicyRuleBuilder()
                        .withApiGroups("")
                        .withResources("secrets")
                        .withVerbs("get", "create", "patch", "delete")
                        .build())
                .build())
        .create();
    client
        .resource(
            new RoleBindingBuilder()
                .withMetadata(metadata)
                .withNewRoleRef("rbac.authorization.k8s.io", "Role", "operator")
                .addNewSubject()
                .withKind("User")
                .withName(USER)
                .endSubject()
                .build())
        .create();
  }

  private static Namespace named(String name) {
    return new NamespaceBuilder().withNewMetadata().withName(name).endMetadata().build();
  }

  private InferenceCluster cluster() {
    var cluster = new InferenceCluster();
    cluster.setMetadata(
        new ObjectMetaBuilder()
            .withName("glm")
            .withNamespace(namespace)
            .withUid("uid-of-glm")
            .build());
    return cluster;
  }

  private static CertificateSecrets at(Instant now) {
    return new CertificateSecrets(operator, LIFETIMES, Clock.fixed(now, ZoneOffset.UTC));
  }

  /** A clock that lets something happen between reading and writing. */
  private static final class Interruption extends Clock {
    private final Runnable interruption;

    Interruption(Runnable interruption) {
      this.interruption = interruption;
    }

    @Override
    public Instant instant() {
      interruption.run();
      return NOW;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }

  private Secret secret(String name) {
    return server.client().secrets().inNamespace(namespace).withName(name).require();
  }

  private List<String> versions() {
    return Stream.of("glm-tls", "glm-ca")
        .map(name -> secret(name).getMetadata().getResourceVersion())
        .toList();
  }

  /** The verbs of the operator's requests about Secrets of this test. */
  private List<String> verbs() throws IOException {
    var json = new ObjectMapper();
    try (var lines = Files.lines(server.auditLog())) {
      return lines
          .map(
              line -> {
                try {
                  return json.readTree(line);
                } catch (IOException e) {
                  throw new IllegalStateException(line, e);
                }
              })
          .filter(event -> event.at("/impersonatedUser/username").asText().equals(USER))
          .filter(event -> event.at("/objectRef/namespace").asText().equals(namespace))
          .map(event -> event.get("verb").asText())
          .toList();
    }
  }

  @Nested
  class GivenACluster {
    @Test
    void whenItIsNew_thenBothSecretsAreItsOwn() throws IOException {
      var due = at(NOW).apply(cluster(), List.of("a100")).due();

      assertThat(due).isAfter(NOW);
      assertThat(secret("glm-ca").getData()).containsOnlyKeys("ca.crt", "ca.key");
      var certificates = secret("glm-tls");
      assertThat(certificates.getData())
          .containsOnlyKeys("ca.crt", "head.crt", "head.key", "a100.crt", "a100.key");
      assertThat(certificates.getMetadata().getLabels())
          .containsEntry("app.kubernetes.io/managed-by", "knarr-operator")
          .containsEntry("knarr.dev/cluster", "glm");
      assertThat(certificates.getMetadata().getOwnerReferences())
          .singleElement()
          .satisfies(
              owner -> {
                assertThat(owner.getUid()).isEqualTo("uid-of-glm");
                assertThat(owner.getController()).isTrue();
              });
      assertThat(verbs()).containsExactly("get", "get", "patch", "patch");
    }

    @Test
    void whenNothingIsDue_thenNothingIsWritten() throws IOException {
      at(NOW).apply(cluster(), List.of("a100"));
      var versions = versions();

      at(NOW.plusSeconds(3_600)).apply(cluster(), List.of("a100"));

      assertThat(versions()).isEqualTo(versions);
      assertThat(verbs()).containsExactly("get", "get", "patch", "patch", "get", "get");
    }

    @Test
    void whenLeavesAreRenewed_thenTheCasSecretIsNotWritten() {
      at(NOW).apply(cluster(), List.of("a100"));
      var versions = versions();

      at(NOW.plus(Duration.ofDays(61))).apply(cluster(), List.of("a100"));

      assertThat(versions().getFirst()).isNotEqualTo(versions.getFirst());
      assertThat(versions().getLast()).isEqualTo(versions.getLast());
    }

    @Test
    void whenAGroupLeaves_thenItsEntriesGoAndForeignOnesStay() {
      at(NOW).apply(cluster(), List.of("a100", "cpu"));
      server
          .client()
          .secrets()
          .inNamespace(namespace)
          .withName("glm-tls")
          .edit(found -> new SecretBuilder(found).addToData("note", "aGVsbG8=").build());

      at(NOW).apply(cluster(), List.of("cpu"));
      var versions = versions();
      at(NOW).apply(cluster(), List.of("cpu"));

      assertThat(secret("glm-tls").getData())
          .containsOnlyKeys("ca.crt", "head.crt", "head.key", "cpu.crt", "cpu.key", "note");
      assertThat(versions()).isEqualTo(versions);
    }

    @Test
    void whenSomebodyDamagesAnEntry_thenItIsMadeAnew() {
      at(NOW).apply(cluster(), List.of("cpu"));
      server
          .client()
          .secrets()
          .inNamespace(namespace)
          .withName("glm-tls")
          .edit(found -> new SecretBuilder(found).addToData("cpu.key", "aGVsbG8=").build());

      at(NOW).apply(cluster(), List.of("cpu"));

      assertThat(secret("glm-tls").getData().get("cpu.key")).hasSizeGreaterThan(100);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whenAnotherOperatorIsFaster_thenThisOneWritesNothing(boolean isNew) {
      if (!isNew) {
        at(NOW.minus(Duration.ofDays(61))).apply(cluster(), List.of("cpu"));
      }
      var slow =
          new CertificateSecrets(
              operator,
              LIFETIMES,
              new Interruption(() -> at(NOW).apply(cluster(), List.of("cpu"))));

      var refused =
          catchThrowableOfType(
              KubernetesClientException.class, () -> slow.apply(cluster(), List.of("cpu")));

      assertThat(refused.getCode()).isEqualTo(HttpURLConnection.HTTP_CONFLICT);
      var versions = versions();
      at(NOW).apply(cluster(), List.of("cpu"));
      assertThat(versions()).as("the two Secrets belong together").isEqualTo(versions);
    }

    @Test
    void whenItHasNoMoreUseForThem_thenTheyGo() {
      at(NOW).apply(cluster(), List.of("cpu"));

      at(NOW).delete(cluster());
      at(NOW).delete(cluster());

      assertThat(server.client().secrets().inNamespace(namespace).list().getItems()).isEmpty();
    }
  }

  @Nested
  class GivenASecretOfSomebodyElse {
    private void make(String name) {
      server
          .client()
          .resource(
              new SecretBuilder()
                  .withNewMetadata()
                  .withName(name)
                  .withNamespace(namespace)
                  .addNewOwnerReference()
                  .withApiVersion("cert-manager.io/v1")
                  .withKind("Certificate")
                  .withName("mine")
                  .withUid("another")
                  .withController(true)
                  .endOwnerReference()
                  .endMetadata()
                  .addToData("ca.crt", "aGVsbG8=")
                  .build())
          .create();
    }

    @Test
    void whenItHasANameThatIsNeeded_thenNothingIsWrittenAndTheSentenceSaysWhose() {
      for (var name : List.of("glm-ca", "glm-tls")) {
        make(name);
        var version = secret(name).getMetadata().getResourceVersion();

        var taken =
            catchThrowableOfType(
                NameTakenException.class, () -> at(NOW).apply(cluster(), List.of("cpu")));

        assertThat(taken.kind()).isEqualTo("Secret");
        assertThat(taken.name()).isEqualTo(name);
        assertThat(taken.owner()).isEqualTo("Certificate mine");
        assertThat(secret(name).getMetadata().getResourceVersion()).isEqualTo(version);
        assertThat(server.client().secrets().inNamespace(namespace).list().getItems()).hasSize(1);
        server.client().resource(secret(name)).delete();
      }
    }

    @Test
    void whenTheClusterHasNoUseForIt_thenItStays() {
      make("glm-tls");

      at(NOW).delete(cluster());

      assertThat(secret("glm-tls").getData()).containsKey("ca.crt");
    }
  }
}
