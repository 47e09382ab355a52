// SPDX-License-Identifier: Apache-2.0
package dev.knarr.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.knarr.chart.ClusterPrograms.Result;
import dev.knarr.testkit.kube.ApiServer;
import dev.knarr.testkit.kube.KubePrograms;
import io.fabric8.kubernetes.api.model.authorization.v1.SubjectAccessReviewBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The chart's life on a real API server. No pods run there; that is the one-node cluster's. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ChartIT {
  private static final String DEFINITION = "inferenceclusters.knarr.dev";
  private static final String ACCOUNT = "system:serviceaccount:knarr-system:knarr";
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  @TempDir private Path home;
  private ApiServer server;

  @BeforeAll
  void start() {
    server = ApiServer.with().controllers("clusterrole-aggregation-controller").start();
  }

  @AfterAll
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  @AfterEach
  void removeReleaseAndDefinition() {
    helm("uninstall", "knarr", "--namespace", "knarr-system", "--ignore-not-found");
    kubectl("delete", "crd", DEFINITION, "--ignore-not-found").succeeded();
  }

  @Nested
  class GivenTheRenderedChart {
    @ParameterizedTest
    @ValueSource(
        strings = {
          "replicas=1",
          "watch.namespaces={default}",
          "networkPolicy.enabled=true,podDisruptionBudget.enabled=true",
          "monitoring.podMonitor=Enabled,monitoring.podMonitorLabels.a=b",
        })
    void whenTheServerReadsItStrictly_thenItHasNothingToSay(String setting) throws IOException {
      kubectl("apply", "-f", podMonitorDefinition().toString()).succeeded();
      var file = Files.writeString(home.resolve("rendered.yaml"), render(setting));

      var result =
          kubectl(
              "apply",
              "--server-side",
              "--dry-run=server",
              "--validate=strict",
              "-f",
              file.toString());

      assertThat(result.succeeded()).contains("deployment.apps/knarr serverside-applied");
      assertThat(result.err()).doesNotContain("Warning");
    }

    @Test
    void whenKubeconformReadsIt_thenItFindsNothing() throws IOException {
      kubectl("apply", "-f", podMonitorDefinition().toString()).succeeded();
      var schemas = home.resolve("schemas");
      schemasInto(schemas);
      var rendered =
          render(
              "networkPolicy.enabled=true,podDisruptionBudget.enabled=true,monitoring.podMonitor=Enabled");

      var good = kubeconform(schemas, rendered);
      var bad = kubeconform(schemas, rendered.replace("podMetricsEndpoints:", "endpoint:"));

      assertThat(good.succeeded()).contains("Invalid: 0, Errors: 0, Skipped: 0");
      assertThat(bad.exit()).isNotZero();
    }

    @Test
    void whenANamespaceIsRestricted_thenItTakesTheOperatorsPod() throws IOException {
      kubectl("create", "namespace", "strict").succeeded();
      kubectl("label", "namespace", "strict", "pod-security.kubernetes.io/enforce=restricted")
          .succeeded();
      var pod = operatorsPod();
      var loose = pod.deepCopy();
      ((ObjectNode) loose.at("/spec/containers/0")).remove("securityContext");

      var good = kubectlIn(pod.toString(), "create", "--dry-run=server", "-f", "-");
      var bad = kubectlIn(loose.toString(), "create", "--dry-run=server", "-f", "-");

      assertThat(good.succeeded()).contains("created");
      assertThat(bad.err()).contains("violates PodSecurity \"restricted:latest\"");
    }

    private ObjectNode operatorsPod() {
      var template =
          Chart.render().object("Deployment knarr-system/knarr").at("/spec/template").deepCopy();
      var pod = (ObjectNode) template;
      pod.put("apiVersion", "v1").put("kind", "Pod");
      ((ObjectNode) pod.get("metadata")).put("name", "operator").put("namespace", "strict");
      return pod;
    }
  }

  @Nested
  class GivenARelease {
    @Test
    void whenItIsInstalledUpgradedRolledBackAndRemoved_thenClustersStay() throws IOException {
      var notes = install();
      apply("model-volume.yaml");
      apply("cluster.yaml");
      var uid = uidOfTheCluster();

      helm("upgrade", "knarr", chart(), "-n", "knarr-system", "--set", "replicas=2").succeeded();
      var upgraded = replicas();
      helm("rollback", "knarr", "-n", "knarr-system").succeeded();
      var rolledBack = replicas();
      helm("uninstall", "knarr", "-n", "knarr-system").succeeded();

      assertThat(notes)
          .contains("rollout status deployment/knarr", "kubectl apply -f -", "ic/first");
      assertThat(upgraded).isEqualTo("2");
      assertThat(rolledBack).isEqualTo("1");
      assertThat(uidOfTheCluster()).as("the cluster after the chart is gone").isEqualTo(uid);
      assertThat(client().apps().deployments().inNamespace("knarr-system").list().getItems())
          .isEmpty();
      assertThat(client().rbac().clusterRoles().withName("knarr:knarr-system").get()).isNull();

      install();
      assertThat(uidOfTheCluster()).as("the cluster after another install").isEqualTo(uid);
    }

    @Test
    void whenTheNotesAreFollowed_thenTheServerTakesTheirExample() {
      var notes = install();
      var begin = notes.indexOf("apiVersion: knarr.dev");
      var example =
          notes.substring(begin, notes.indexOf("EOF\n", begin)).replaceAll("(?m)^ {5}", "");

      var result = kubectlIn(example, "apply", "--validate=strict", "-f", "-");

      assertThat(result.succeeded()).contains("inferencecluster.knarr.dev/first created");
    }

    @Test
    void whenTheChartHasANewerDefinition_thenAnUpgradeBringsIt() throws IOException {
      var older = olderChart();
      helm("install", "knarr", older.toString(), "-n", "knarr-system", "--create-namespace")
          .succeeded();
      var before = definition();

      helm("upgrade", "knarr", chart(), "-n", "knarr-system").succeeded();

      assertThat(before.at("/spec/names/shortNames").toString()).contains("old");
      assertThat(definition().at("/spec/names/shortNames").toString()).doesNotContain("old");
    }

    @Test
    void whenTheDefinitionWasAppliedByHand_thenHelmTakesItOnRequest() {
      var file = ROOT.resolve("crds").resolve(DEFINITION + ".yaml").toString();
      kubectl("apply", "-f", file).succeeded();

      var refused = helm("install", "knarr", chart(), "-n", "knarr-system", "--create-namespace");
      var taken =
          helm(
              "install",
              "knarr",
              chart(),
              "-n",
              "knarr-system",
              "--create-namespace",
              "--take-ownership",
              "--force-conflicts");

      assertThat(refused.exit()).isNotZero();
      assertThat(refused.err()).contains("invalid ownership metadata");
      taken.succeeded();
      assertThat(definition().at("/metadata/labels").get("app.kubernetes.io/managed-by").asText())
          .isEqualTo("Helm");
    }

    @Test
    void whenTheOperatorAsks_thenItMayDoWhatItMustAndNoMore() {
      install();

      assertThat(
              List.of(
                  "list knarr.dev/inferenceclusters",
                  "patch knarr.dev/inferenceclusters/status",
                  "create apps/statefulsets",
                  "patch apps/deployments",
                  "delete batch/jobs",
                  "delete /pods",
                  "get /secrets",
                  "get /nodes"))
          .allMatch(right -> may("default", right));
      assertThat(
              List.of(
                  "get knarr.dev/inferenceclusters",
                  "update knarr.dev/inferenceclusters",
                  "patch knarr.dev/inferenceclusters",
                  "list /secrets",
                  "watch /secrets",
                  "list /nodes",
                  "delete /configmaps",
                  "create /pods",
                  "create /pods/exec",
                  "delete /persistentvolumeclaims",
                  "create rbac.authorization.k8s.io/roles"))
          .noneMatch(right -> may("default", right));
    }

    @Test
    void whenItIsForOneNamespace_thenItMayDoNothingInAnother() {
      kubectl("create", "namespace", "ai").succeeded();
      helm(
              "install",
              "knarr",
              chart(),
              "-n",
              "knarr-system",
              "--create-namespace",
              "--set",
              "watch.namespaces={ai}")
          .succeeded();

      assertThat(may("ai", "create apps/statefulsets")).isTrue();
      assertThat(may("default", "get apps/statefulsets")).isFalse();
      assertThat(may("ai", "get /nodes")).isFalse();
    }

    @Test
    void whenPeopleHaveKubernetesOwnRoles_thenClustersArePartOfThem() {
      install();

      await("the role edit to have what the chart adds")
          .atMost(Duration.ofSeconds(60))
          .until(() -> verbsOf("edit").contains("patch"));
      await("the role view to have what the chart adds")
          .atMost(Duration.ofSeconds(60))
          .until(() -> verbsOf("view").contains("list"));
      assertThat(verbsOf("view")).doesNotContain("patch", "create", "delete");
      assertThat(verbsOf("edit")).doesNotContain("deletecollection");
    }

    private String install() {
      return helm("install", "knarr", chart(), "-n", "knarr-system", "--create-namespace")
          .succeeded();
    }

    private void apply(String example) {
      kubectl(
              "apply",
              "--validate=strict",
              "-f",
              ROOT.resolve("docs/examples").resolve(example).toString())
          .succeeded();
    }

    private String uidOfTheCluster() {
      return kubectl("get", "ic", "demo", "-o", "jsonpath={.metadata.uid}").succeeded();
    }

    private String replicas() {
      return kubectl(
              "-n", "knarr-system", "get", "deployment", "knarr", "-o", "jsonpath={.spec.replicas}")
          .succeeded();
    }

    private JsonNode definition() {
      return Chart.documents(kubectl("get", "crd", DEFINITION, "-o", "yaml").succeeded())
          .getFirst();
    }

    /** The chart as it might have been before, with another short name in its definition. */
    private Path olderChart() throws IOException {
      var folder = home.resolve("older");
      try (var files = Files.walk(Chart.FOLDER)) {
        for (var file : files.toList()) {
          Files.copy(file, folder.resolve(Chart.FOLDER.relativize(file).toString()));
        }
      }
      var copy = folder.resolve("files/crds").resolve(DEFINITION + ".yaml");
      var definition = (ObjectNode) Chart.documents(Files.readString(copy)).getFirst();
      ((ObjectNode) definition.at("/spec/names")).putArray("shortNames").add("ic").add("old");
      Files.writeString(copy, new ObjectMapper().writeValueAsString(definition));
      return folder;
    }

    private List<String> verbsOf(String role) {
      var verbs = new ArrayList<String>();
      for (var rule : client().rbac().clusterRoles().withName(role).get().getRules()) {
        if (rule.getResources().contains("inferenceclusters")) {
          verbs.addAll(rule.getVerbs());
        }
      }
      return verbs;
    }

    /** Whether the operator may, in this namespace: a verb, the group and the resource. */
    private boolean may(String namespace, String right) {
      var parts = right.split("[ /]", -1);
      var review =
          new SubjectAccessReviewBuilder()
              .withNewSpec()
              .withUser(ACCOUNT)
              .withNewResourceAttributes()
              .withNamespace(namespace)
              .withVerb(parts[0])
              .withGroup(parts[1])
              .withResource(parts[2])
              .withSubresource(parts.length > 3 ? parts[3] : "")
              .endResourceAttributes()
              .endSpec()
              .build();
      return client().resource(review).create().getStatus().getAllowed();
    }
  }

  private KubernetesClient client() {
    return server.client();
  }

  private static String chart() {
    return Chart.FOLDER.toString();
  }

  private static String render(String setting) {
    return ClusterPrograms.run(
            "helm",
            Map.of(),
            "",
            List.of("template", "knarr", chart(), "--namespace", "default", "--set", setting))
        .succeeded();
  }

  private Path podMonitorDefinition() throws IOException {
    var name = "podmonitors.monitoring.coreos.com.yaml";
    try (var resource = ApiServer.class.getResourceAsStream(name)) {
      if (resource == null) {
        throw new IllegalStateException("testkit has no " + name);
      }
      return Files.write(home.resolve(name), resource.readAllBytes());
    }
  }

  private void schemasInto(Path folder) {
    ClusterPrograms.run(
            List.of(
                "python3",
                ROOT.resolve("scripts/cluster/kubeconform-schemas.py").toString(),
                KubePrograms.program("kubectl").toString(),
                folder.toString()),
            environment(),
            "")
        .succeeded();
  }

  private Result kubeconform(Path schemas, String yaml) {
    return ClusterPrograms.run(
        "kubeconform",
        Map.of(),
        yaml,
        List.of(
            "-strict",
            "-summary",
            "-schema-location",
            schemas + "/{{.ResourceKind}}{{.KindSuffix}}.json",
            "-"));
  }

  private Result helm(String... arguments) {
    return ClusterPrograms.run("helm", environment(), "", List.of(arguments));
  }

  private Result kubectl(String... arguments) {
    return kubectlIn("", arguments);
  }

  private Result kubectlIn(String input, String... arguments) {
    return ClusterPrograms.run("kubectl", environment(), input, List.of(arguments));
  }

  private Map<String, String> environment() {
    return Map.of(
        "KUBECONFIG", server.kubeconfigFile().toString(),
        "HELM_CACHE_HOME", home.resolve("helm").toString(),
        "HELM_CONFIG_HOME", home.resolve("helm").toString(),
        "HELM_DATA_HOME", home.resolve("helm").toString());
  }
}
