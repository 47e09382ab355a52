// SPDX-License-Identifier: Apache-2.0
package dev.knarr.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.knarr.chart.Chart.Rendered;
import dev.knarr.operator.OperatorConfig;
import io.quarkus.runtime.configuration.DurationConverter;
import io.smallrye.config.EnvConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.io.IOException;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
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
  private static final String[] EVERYTHING = {
    "--set", "global.imagePullSecrets={one,two},images.pullPolicy=Always",
    "--set", "images.workerCuda.repository=me/cuda,images.workerCuda.tag=v1",
    "--set", "images.workerRocm.repository=me/rocm,images.workerVulkan.repository=me/vulkan",
    "--set", "clusters.caBundleConfigMap=corp,clusters.nodeLostSeconds=60",
    "--set", "clusters.httpProxy=http://p:1,clusters.httpsProxy=http://p:2",
    "--set", "clusters.noProxy=.svc\\,10.0.0.0/8",
    "--set-json", "monitoring.namespaceLabels={\"a\":\"b\",\"c\":\"d\"}",
    "--set", "watch.namespaces={ai}",
  };
  private static final List<String> READ = List.of("get", "list", "watch");

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
      var version = version();

      assertThat(settings())
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

      assertThat(operator).isEqualTo("ghcr.io/knarr/operator:" + version());
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
      assertThat(texts(container.at("/capabilities/drop"))).containsExactly("ALL");
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
  class GivenTheRights {
    @Test
    void whenTheOperatorSeesAllNamespaces_thenNoRightIsMoreThanItNeeds() {
      var rules = Chart.render().object("ClusterRole knarr:knarr-system").at("/rules");

      assertThat(rules.toString()).doesNotContain("*");
      assertThat(verbs(rules, "inferenceclusters")).containsExactlyElementsOf(READ);
      assertThat(verbs(rules, "inferenceclusters/status")).containsExactly("patch");
      assertThat(verbs(rules, "secrets")).doesNotContain("list", "watch", "update");
      assertThat(verbs(rules, "persistentvolumeclaims")).doesNotContain("delete");
      assertThat(verbs(rules, "nodes")).containsExactly("get");
      assertThat(verbs(rules, "leases")).isEmpty();
      assertThat(verbs(rules, "pods")).doesNotContain("create", "patch");
    }

    @Test
    void whenARuleIsRead_thenItsReasonStandsBeforeIt() {
      var lines = Chart.render().text().lines().toList();

      var rules = 0;
      for (int i = 1; i < lines.size(); i++) {
        if (lines.get(i).startsWith("- apiGroups: [") && inOperatorsRole(lines, i)) {
          rules++;
          assertThat(reasonAbove(lines, i)).as("a reason for %s", lines.get(i + 1)).isTrue();
        }
      }
      assertThat(rules).isGreaterThan(10);
    }

    @Test
    void whenNamespacesAreGiven_thenTheRightsEndThere() {
      var rendered =
          Chart.render("--set", "watch.namespaces={ai,lab,ai}", "--set", "roles.create=false");

      assertThat(rendered.names())
          .contains(
              "Role ai/knarr", "RoleBinding ai/knarr", "Role lab/knarr", "RoleBinding lab/knarr")
          .doesNotHaveDuplicates()
          .noneMatch(name -> name.startsWith("ClusterRole"));
      var role = rendered.object("Role ai/knarr").at("/rules");
      assertThat(verbs(role, "nodes")).isEmpty();
      assertThat(verbs(role, "statefulsets")).contains("create", "patch", "delete");
      assertThat(rendered.object("RoleBinding ai/knarr").at("/subjects/0/namespace").asText())
          .isEqualTo("knarr-system");
      assertThat(rendered.env("QUARKUS_OPERATOR_SDK_NAMESPACES")).isEqualTo("ai,lab");
    }

    @Test
    void whenTheLeaseIsTaken_thenOnlyThisOneCanBe() {
      var rules = Chart.render().object("Role knarr-system/knarr-leader").at("/rules");

      assertThat(rules).hasSize(2);
      assertThat(texts(rules.at("/0/resourceNames"))).containsExactly("knarr-operator");
      assertThat(texts(rules.at("/1/verbs"))).containsExactly("create");
    }

    @ParameterizedTest
    @CsvSource({"view,false,false", "edit,true,false", "admin,true,true"})
    void whenPeopleGetARole_thenItIsPartOfKubernetesOwn(
        String role, boolean writes, boolean deletesAll) {
      var object = Chart.render().object("ClusterRole knarr:knarr-system:" + role);
      var verbs = verbs(object.at("/rules"), "inferenceclusters");

      assertThat(
              object
                  .at("/metadata/labels")
                  .get("rbac.authorization.k8s.io/aggregate-to-" + role)
                  .asText())
          .isEqualTo("true");
      assertThat(verbs).containsAll(READ);
      assertThat(verbs.contains("patch")).isEqualTo(writes);
      assertThat(verbs(object.at("/rules"), "inferenceclusters/scale").contains("patch"))
          .isEqualTo(writes);
      assertThat(verbs.contains("deletecollection")).isEqualTo(deletesAll);
      assertThat(verbs(object.at("/rules"), "inferenceclusters/status")).containsExactly("get");
    }

    @Test
    void whenAggregationIsNotWanted_thenTheRolesStandAlone() {
      assertThat(Chart.render("--set", "roles.aggregate=false").text())
          .contains("knarr:knarr-system:view")
          .doesNotContain("aggregate-to");
    }

    @Test
    void whenTheAccountIsSomebodyElses_thenItIsUsed() {
      var rendered =
          Chart.render("--set", "serviceAccount.create=false", "--set", "serviceAccount.name=mine");

      assertThat(rendered.names()).noneMatch(name -> name.startsWith("ServiceAccount"));
      assertThat(rendered.operator().at("/serviceAccountName").asText()).isEqualTo("mine");
      assertThat(rendered.object("ClusterRoleBinding knarr:knarr-system").at("/subjects/0/name"))
          .hasToString("\"mine\"");
    }

    @Test
    void whenTheAccountIsNotNamed_thenASentenceSaysSo() {
      var result = Chart.template("--set", "serviceAccount.create=false");

      assertThat(result.exit()).isNotZero();
      assertThat(result.err()).contains("set serviceAccount.name to one that is there");
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
      assertThat(rendered.text()).doesNotContain(version() + "@" + DIGEST);
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
        assertThat(rendered.env("KNARR_OPERATOR_IMAGES_WORKER_" + upper(backend)))
            .isEqualTo("ghcr.io/me/" + backend + ":" + version());
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
      assertThat(settings("--set", "clusters.nodeLostSeconds=0"))
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
      assertThat(texts(policy.at("/spec/policyTypes"))).containsExactly("Ingress");
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

  @Nested
  class GivenTheOperatorsConfiguration {
    @Test
    void whenEveryValueIsSet_thenTheOperatorReadsItAndNoSettingIsUnknown() {
      var settings = settings(EVERYTHING);

      var config =
          new SmallRyeConfigBuilder()
              .withMapping(OperatorConfig.class)
              .withConverter(Duration.class, 300, new DurationConverter())
              .withSources(new EnvConfigSource(settings, 300))
              .build()
              .getConfigMapping(OperatorConfig.class);

      assertThat(config.images().workerCuda()).contains("ghcr.io/me/cuda:v1");
      assertThat(config.images().head()).isEqualTo("ghcr.io/knarr/head:" + version());
      assertThat(config.imagePullSecrets()).contains(List.of("one", "two"));
      assertThat(config.imagePullPolicy()).contains("Always");
      assertThat(config.caBundleConfigMap()).contains("corp");
      assertThat(config.httpProxy()).contains("http://p:1");
      assertThat(config.httpsProxy()).contains("http://p:2");
      assertThat(config.noProxy()).contains(".svc,10.0.0.0/8");
      assertThat(config.nodeLost()).isEqualTo(Duration.ofSeconds(60));
      assertThat(config.monitoringNamespaceLabels()).contains(List.of("a=b", "c=d"));
      assertThat(names(settings)).containsExactlyInAnyOrderElementsOf(names(OperatorConfig.class));
    }

    private static List<String> names(Map<String, String> settings) {
      return settings.keySet().stream()
          .filter(name -> name.startsWith("KNARR_OPERATOR_"))
          .map(name -> name.substring("KNARR_OPERATOR_".length()))
          .toList();
    }

    /** All but the lifetimes of certificates, whose defaults fit everybody but tests. */
    private static List<String> names(Class<?> configuration) {
      return Stream.of(configuration.getMethods())
          .filter(method -> Modifier.isAbstract(method.getModifiers()))
          .filter(method -> method.getReturnType() != OperatorConfig.Tls.class)
          .flatMap(
              method -> {
                var name = upper(method.getName().replaceAll("([A-Z])", "_$1"));
                return method.getReturnType() == OperatorConfig.Images.class
                    ? names(OperatorConfig.Images.class).stream().map(image -> name + "_" + image)
                    : Stream.of(name);
              })
          .toList();
    }
  }

  @Nested
  class GivenTheValuesFile {
    /** A value; not what only groups values. */
    private static final Pattern KEY = Pattern.compile(" *[A-Za-z]+: .+");

    @ParameterizedTest
    @CsvSource({
      "image.operator=x,additional properties 'image' not allowed",
      "images.head.digest=sha256:12,images/head/digest",
      "images.head.repository=UPPER,images/head/repository",
      "watch.namespaces=ai,watch/namespaces",
      "clusters.nodeLostSeconds=-1,clusters/nodeLostSeconds",
      "clusters.httpProxy=proxy:3128,clusters/httpProxy",
      "monitoring.podMonitor=true,monitoring/podMonitor",
      "replicas=many,replicas",
    })
    void whenAValueIsWrong_thenTheSchemaNamesIt(String setting, String named) {
      var result = Chart.template("--set", setting);

      assertThat(result.exit()).isNotZero();
      assertThat(result.err()).contains(named);
    }

    @Test
    void whenComparedWithTheSchema_thenBothHaveTheSameValues() throws IOException {
      var values =
          Chart.documents(Files.readString(Chart.FOLDER.resolve("values.yaml"))).getFirst();
      var schema = new ObjectMapper().readTree(Chart.FOLDER.resolve("values.schema.json").toFile());

      assertSame("", values, schema, schema);
    }

    @Test
    void whenAValueIsRead_thenItIsExplainedWhereItStands() throws IOException {
      var lines = Files.readAllLines(Chart.FOLDER.resolve("values.yaml"));

      for (int i = 1; i < lines.size(); i++) {
        var key = KEY.matcher(lines.get(i));
        if (key.matches() && !explained(lines, i)) {
          assertThat(lines.get(i)).as("a value without a word about it").isEmpty();
        }
      }
    }

    @Test
    void whenKubernetesIsTooOld_thenHelmRefuses() {
      var result = Chart.template("--kube-version", "1.31.9");

      assertThat(result.exit()).isNotZero();
      assertThat(result.err()).contains("kubeVersion: >=1.32.0-0");
      assertThat(Chart.template("--kube-version", "v1.34.4-gke.100").exit()).isZero();
    }

    /** A comment before the value, its parent or the values of the same depth before it. */
    private static boolean explained(List<String> lines, int line) {
      var indent = indent(lines.get(line));
      for (int i = line - 1; i >= 0; i--) {
        var text = lines.get(i);
        if (text.isBlank()) {
          return false;
        }
        if (text.strip().startsWith("#")) {
          return true;
        }
        if (indent(text) < indent && !text.strip().endsWith(":")) {
          return false;
        }
      }
      return false;
    }

    private static int indent(String line) {
      return line.length() - line.stripLeading().length();
    }

    private static void assertSame(String path, JsonNode value, JsonNode schema, JsonNode root) {
      var resolved =
          schema.has("$ref") ? root.at(schema.get("$ref").asText().substring(1)) : schema;
      if (!resolved.has("properties")) {
        return;
      }
      var inFile = new ArrayList<String>();
      value.fieldNames().forEachRemaining(inFile::add);
      var inSchema = new ArrayList<String>();
      resolved.get("properties").fieldNames().forEachRemaining(inSchema::add);
      assertThat(inFile)
          .as("values below '%s'", path)
          .containsExactlyInAnyOrderElementsOf(inSchema);
      for (var name : inFile) {
        assertSame(path + "/" + name, value.get(name), resolved.get("properties").get(name), root);
      }
    }
  }

  /** The environment of the operator; of what comes from its pod, the field. */
  private static Map<String, String> settings(String... arguments) {
    var settings = new LinkedHashMap<String, String>();
    for (var variable : Chart.render(arguments).container().at("/env")) {
      settings.put(
          variable.at("/name").asText(),
          variable.has("value")
              ? variable.at("/value").asText()
              : variable.at("/valueFrom/fieldRef/fieldPath").asText());
    }
    return settings;
  }

  private static boolean inOperatorsRole(List<String> lines, int line) {
    for (int i = line; i >= 0; i--) {
      if (lines.get(i).startsWith("# Source: ")) {
        return lines.get(i).endsWith("operator-rbac.yaml")
            || lines.get(i).endsWith("leader-rbac.yaml");
      }
    }
    return false;
  }

  /** A reason holds for the rules up to the next one. */
  private static boolean reasonAbove(List<String> lines, int rule) {
    for (int i = rule - 1; i > 0; i--) {
      if (lines.get(i).startsWith("# ")) {
        return true;
      }
      if (lines.get(i).startsWith("rules:")) {
        return false;
      }
    }
    return false;
  }

  private static List<String> verbs(JsonNode rules, String resource) {
    return StreamSupport.stream(rules.spliterator(), false)
        .filter(rule -> texts(rule.at("/resources")).contains(resource))
        .flatMap(rule -> texts(rule.at("/verbs")).stream())
        .toList();
  }

  private static List<String> texts(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false).map(JsonNode::asText).toList();
  }

  private static String version() {
    return System.getProperty("knarr.version").replace("-SNAPSHOT", "");
  }

  private static String upper(String text) {
    return text.toUpperCase(Locale.ROOT);
  }
}
