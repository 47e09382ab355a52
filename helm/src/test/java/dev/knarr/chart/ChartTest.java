// SPDX-License-Identifier: Apache-2.0
package dev.knarr.chart;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.chart.Chart.Rendered;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the chart renders, template by template. */
class ChartTest {
  private static final String CRD = "inferenceclusters.knarr.dev.yaml";
  private static final String DIGEST =
      "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  private static final String POD_MONITORS = "--api-versions=monitoring.coreos.com/v1/PodMonitor";

  @Nested
  class GivenTheDefaults {
    @Test
    void whenHelmLints_thenItHasNothingToSay() {
      var said =
          ClusterPrograms.run(
                  "helm", Map.of(), "", List.of("lint", "--strict", Chart.FOLDER.toString()))
              .succeeded();

      assertThat(said).contains("0 chart(s) failed").doesNotContain("[WARNING]", "[ERROR]");
    }

    @Test
    void whenRendered_thenTheseObjectsAreMade() {
      assertThat(Chart.render().names())
          .containsExactlyInAnyOrder(
              "CustomResourceDefinition inferenceclusters.knarr.dev",
              "ServiceAccount knarr-system/knarr",
              "Deployment knarr-system/knarr",
              "ClusterRole knarr:knarr-system",
              "ClusterRoleBinding knarr:knarr-system",
              "Role knarr-system/knarr-leader",
              "RoleBinding knarr-system/knarr-leader",
              "ClusterRole knarr:knarr-system:view",
              "ClusterRole knarr:knarr-system:edit",
              "ClusterRole knarr:knarr-system:admin");
    }

    @Test
    void whenRendered_thenTheOperatorsSettingsAreTheseAndNoOthers() {
      var version = Chart.version();

      assertThat(Chart.settings())
          .containsExactlyInAnyOrderEntriesOf(
              Map.of(
                  "KNARR_OPERATOR_IMAGES_HEAD", "ghcr.io/knarr/head:" + version,
                  "KNARR_OPERATOR_IMAGES_SERVER", "ghcr.io/knarr/server:" + version,
                  "KNARR_OPERATOR_IMAGES_WORKER_CPU", "ghcr.io/knarr/worker-cpu:" + version,
                  "KNARR_OPERATOR_NODE_LOST", "300s",
                  "KNARR_OPERATOR_NAMESPACE", "metadata.namespace"));
    }

    @Test
    void whenRendered_thenTheVersionIsTheBuilds() {
      var operator = Chart.render().container().at("/image").asText();

      assertThat(operator).isEqualTo("ghcr.io/knarr/operator:" + Chart.version());
    }

    @Test
    void whenRendered_thenTheOperatorIsOfTheRestrictedLevel() {
      var rendered = Chart.render();
      var container = rendered.container().at("/securityContext");

      assertThat(rendered.operator().at("/securityContext/runAsNonRoot").asBoolean()).isTrue();
      assertThat(rendered.operator().at("/securityContext/seccompProfile/type").asText())
          .isEqualTo("RuntimeDefault");
      assertThat(container.at("/allowPrivilegeEscalation").isBoolean()).isTrue();
      assertThat(container.at("/allowPrivilegeEscalation").asBoolean()).isFalse();
      assertThat(container.at("/readOnlyRootFilesystem").asBoolean()).isTrue();
      assertThat(Chart.texts(container.at("/capabilities/drop"))).containsExactly("ALL");
      assertThat(rendered.operator().at("/volumes")).hasSize(1);
    }

    @Test
    void whenRendered_thenOnlyTheOperatorsPodGetsAToken() {
      var rendered = Chart.render();

      assertThat(
              rendered
                  .object("ServiceAccount knarr-system/knarr")
                  .at("/automountServiceAccountToken")
                  .toString())
          .isEqualTo("false");
      assertThat(rendered.operator().at("/automountServiceAccountToken").asBoolean()).isTrue();
    }

    @Test
    void whenRendered_thenTheSelectorIsInThePodsLabelsAndNotTheClusters() {
      var deployment = Chart.render().object("Deployment knarr-system/knarr");
      var labels = deployment.at("/spec/template/metadata/labels");

      var selector = deployment.at("/spec/selector/matchLabels");
      assertThat(selector).isNotEmpty();
      selector
          .properties()
          .forEach(label -> assertThat(labels.get(label.getKey())).isEqualTo(label.getValue()));
      assertThat(selector.get("app.kubernetes.io/name").asText()).isNotEqualTo("knarr");
    }
  }

  @Nested
  class GivenTheDefinition {
    @Test
    void whenTheChartsCopyIsCompared_thenItIsTheGeneratedOne() throws IOException {
      var generated = Path.of("../crds").resolve(CRD);
      var copy = Chart.FOLDER.resolve("files/crds").resolve(CRD);

      if ("1".equals(System.getenv("KNARR_TEST_RECORD"))) {
        Files.copy(generated, copy, StandardCopyOption.REPLACE_EXISTING);
      }

      assertThat(copy)
          .as("the chart's copy; KNARR_TEST_RECORD=1 makes it anew")
          .hasSameTextualContentAs(generated);
    }

    @Test
    void whenRendered_thenItIsTheSameAndIsKept() throws IOException {
      var file = Files.readString(Path.of("../crds").resolve(CRD));
      var rendered = Chart.render().object("CustomResourceDefinition inferenceclusters.knarr.dev");

      assertThat(rendered.at("/spec")).isEqualTo(Chart.documents(file).getFirst().at("/spec"));
      assertThat(rendered.at("/metadata/annotations").get("helm.sh/resource-policy").asText())
          .isEqualTo("keep");
    }

    @Test
    void whenSomebodyElseManagesIt_thenItIsNotRendered() {
      assertThat(Chart.render("--set", "crds.install=false").names())
          .isNotEmpty()
          .noneMatch(name -> name.startsWith("CustomResourceDefinition"));
    }
  }

  @Nested
  class GivenImages {
    @Test
    void whenARegistryIsGivenForAll_thenEachImageComesFromIt() {
      var rendered = Chart.render("--set", "global.imageRegistry=mirror.example:5000/docker");

      var images = imagesOf(rendered);
      assertThat(images)
          .hasSize(4)
          .allMatch(image -> image.startsWith("mirror.example:5000/docker/knarr/"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"operator", "head", "server", "workerCpu"})
    void whenADigestIsGiven_thenItReplacesTheTag(String image) {
      var rendered = Chart.render("--set", "images." + image + ".digest=" + DIGEST);

      assertThat(imagesOf(rendered)).filteredOn(name -> name.endsWith("@" + DIGEST)).hasSize(1);
      assertThat(rendered.text()).doesNotContain(Chart.version() + "@" + DIGEST);
    }

    @Test
    void whenTagAndDigestAreGiven_thenBothStand() {
      var rendered =
          Chart.render(
              "--set",
              "images.head.tag=v9,images.head.digest=" + DIGEST + ",images.head.registry=",
              "--set",
              "images.server.registry=reg.example,images.server.repository=a/b,images.server.tag=v1");

      assertThat(rendered.env("KNARR_OPERATOR_IMAGES_HEAD")).isEqualTo("knarr/head:v9@" + DIGEST);
      assertThat(rendered.env("KNARR_OPERATOR_IMAGES_SERVER")).isEqualTo("reg.example/a/b:v1");
    }

    @Test
    void whenABackendGetsAnImage_thenTheOperatorKnowsIt() {
      var rendered =
          Chart.render(
              "--set", "images.workerCuda.repository=me/cuda",
              "--set", "images.workerRocm.repository=me/rocm",
              "--set", "images.workerVulkan.repository=me/vulkan");

      for (var backend : List.of("cuda", "rocm", "vulkan")) {
        assertThat(rendered.env("KNARR_OPERATOR_IMAGES_WORKER_" + backend.toUpperCase(Locale.ROOT)))
            .isEqualTo("ghcr.io/me/" + backend + ":" + Chart.version());
      }
    }

    @Test
    void whenSecretsAndPolicyAreGiven_thenOperatorAndClustersGetThem() {
      var rendered =
          Chart.render(
              "--set", "global.imagePullSecrets={one,two}", "--set", "images.pullPolicy=Never");

      assertThat(rendered.operator().at("/imagePullSecrets"))
          .hasToString("[{\"name\":\"one\"},{\"name\":\"two\"}]");
      assertThat(rendered.env("KNARR_OPERATOR_IMAGE_PULL_SECRETS")).isEqualTo("one,two");
      assertThat(rendered.container().at("/imagePullPolicy").asText()).isEqualTo("Never");
      assertThat(rendered.env("KNARR_OPERATOR_IMAGE_PULL_POLICY")).isEqualTo("Never");
    }

    private static List<String> imagesOf(Rendered rendered) {
      var images = new ArrayList<>(List.of(rendered.container().at("/image").asText()));
      for (var variable : rendered.container().at("/env")) {
        if (variable.at("/name").asText().startsWith("KNARR_OPERATOR_IMAGES_")) {
          images.add(variable.at("/value").asText());
        }
      }
      return images;
    }
  }

  @Nested
  class GivenMonitoring {
    @ParameterizedTest
    @CsvSource({
      "Auto,false,false",
      "Auto,true,true",
      "Enabled,false,true",
      "Disabled,true,false",
    })
    void whenTheKindIsThereOrNot_thenTheOperatorsMonitorIs(
        String wanted, boolean there, boolean expected) {
      var setting = "monitoring.podMonitor=" + wanted;
      var rendered =
          there ? Chart.render("--set", setting, POD_MONITORS) : Chart.render("--set", setting);

      assertThat(rendered.names().contains("PodMonitor knarr-system/knarr")).isEqualTo(expected);
    }

    @Test
    void whenLabelsAreGiven_thenTheMonitorHasThem() {
      var rendered =
          Chart.render(POD_MONITORS, "--set", "monitoring.podMonitorLabels.release=prometheus");

      var monitor = rendered.object("PodMonitor knarr-system/knarr");
      assertThat(monitor.at("/metadata/labels/release").asText()).isEqualTo("prometheus");
      assertThat(monitor.at("/spec/podMetricsEndpoints/0/port").asText())
          .isEqualTo(rendered.container().at("/ports/0/name").asText());
    }

    @Test
    void whenPrometheusHasItsNamespace_thenPoliciesLetItIn() {
      var rendered =
          Chart.render(
              "--set-json",
              "monitoring.namespaceLabels={\"kubernetes.io/metadata.name\":\"mon\",\"a\":\"b\"}",
              "--set",
              "networkPolicy.enabled=true");

      assertThat(rendered.env("KNARR_OPERATOR_MONITORING_NAMESPACE_LABELS"))
          .isEqualTo("a=b,kubernetes.io/metadata.name=mon");
      assertThat(
              rendered
                  .object("NetworkPolicy knarr-system/knarr")
                  .at("/spec/ingress/0/from/0/namespaceSelector/matchLabels"))
          .hasToString("{\"a\":\"b\",\"kubernetes.io/metadata.name\":\"mon\"}");
    }
  }

  @Nested
  class GivenFurtherValues {
    @Test
    void whenNodesAreNeverGivenUp_thenTheOperatorKnows() {
      assertThat(Chart.settings("--set", "clusters.nodeLostSeconds=0"))
          .containsEntry("KNARR_OPERATOR_NODE_LOST", "0s");
    }

    @Test
    void whenPlacementIsGiven_thenThePodHasIt() {
      var rendered =
          Chart.render(
              "--set", "nodeSelector.a=b,priorityClassName=high,replicas=2,podLabels.x=y",
              "--set-json", "tolerations=[{\"key\":\"k\"}]",
              "--set-json", "affinity={\"nodeAffinity\":{}}",
              "--set-json", "topologySpreadConstraints=[{\"maxSkew\":1}]",
              "--set-json", "podAnnotations={\"p\":\"q\"}",
              "--set-json", "env=[{\"name\":\"JAVA_TOOL_OPTIONS\",\"value\":\"-Xmx1g\"}]",
              "--set-json", "podSecurityContext={\"runAsUser\":null}");
      var pod = rendered.operator();
      var template = rendered.object("Deployment knarr-system/knarr").at("/spec/template/metadata");

      assertThat(pod.at("/nodeSelector/a").asText()).isEqualTo("b");
      assertThat(pod.at("/priorityClassName").asText()).isEqualTo("high");
      assertThat(pod.at("/tolerations/0/key").asText()).isEqualTo("k");
      assertThat(pod.at("/affinity").has("nodeAffinity")).isTrue();
      assertThat(pod.at("/topologySpreadConstraints/0/maxSkew").asInt()).isEqualTo(1);
      assertThat(pod.at("/securityContext").has("runAsUser")).isFalse();
      assertThat(pod.at("/securityContext/runAsNonRoot").asBoolean()).isTrue();
      assertThat(template.at("/labels/x").asText()).isEqualTo("y");
      assertThat(template.at("/annotations/p").asText()).isEqualTo("q");
      assertThat(rendered.env("JAVA_TOOL_OPTIONS")).isEqualTo("-Xmx1g");
    }

    @Test
    void whenABudgetIsWanted_thenItSelectsTheOperator() {
      var rendered = Chart.render("--set", "podDisruptionBudget.enabled=true");

      assertThat(
              rendered
                  .object("PodDisruptionBudget knarr-system/knarr")
                  .at("/spec/selector/matchLabels"))
          .isEqualTo(
              rendered.object("Deployment knarr-system/knarr").at("/spec/selector/matchLabels"));
    }

    @Test
    void whenThePolicyIsWantedAlone_thenAnyNamespaceMayReadMetrics() {
      var policy =
          Chart.render("--set", "networkPolicy.enabled=true")
              .object("NetworkPolicy knarr-system/knarr");

      assertThat(policy.at("/spec/ingress/0/from/0")).hasToString("{\"namespaceSelector\":{}}");
      assertThat(Chart.texts(policy.at("/spec/policyTypes"))).containsExactly("Ingress");
    }

    @Test
    void whenTheReleaseHasAnotherName_thenNamesStayShort() {
      var name = "a".repeat(53);
      var rendered =
          new Rendered(
              "",
              Chart.documents(
                  ClusterPrograms.run(
                          "helm", Map.of(), "", List.of("template", name, Chart.FOLDER.toString()))
                      .succeeded()));

      assertThat(rendered.objects())
          .extracting(object -> object.at("/metadata/name").asText())
          .filteredOn(object -> object.startsWith("a"))
          .hasSizeGreaterThan(5)
          .allMatch(object -> object.length() <= 63);
    }
  }
}
