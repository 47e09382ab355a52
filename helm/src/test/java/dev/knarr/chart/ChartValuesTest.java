// SPDX-License-Identifier: Apache-2.0
package dev.knarr.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.knarr.operator.OperatorConfig;
import io.quarkus.runtime.configuration.DurationConverter;
import io.smallrye.config.EnvConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.io.IOException;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What can be set, and that the operator reads it. */
class ChartValuesTest {
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

  @Nested
  class GivenTheOperatorsConfiguration {
    @Test
    void whenEveryValueIsSet_thenTheOperatorReadsItAndNoSettingIsUnknown() {
      var settings = Chart.settings(EVERYTHING);

      var config =
          new SmallRyeConfigBuilder()
              .withMapping(OperatorConfig.class)
              .withConverter(Duration.class, 300, new DurationConverter())
              .withSources(new EnvConfigSource(settings, 300))
              .build()
              .getConfigMapping(OperatorConfig.class);

      assertThat(config.images().workerCuda()).contains("ghcr.io/me/cuda:v1");
      assertThat(config.images().head()).isEqualTo("ghcr.io/knarr/head:" + Chart.version());
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

  private static String upper(String text) {
    return text.toUpperCase(Locale.ROOT);
  }
}
