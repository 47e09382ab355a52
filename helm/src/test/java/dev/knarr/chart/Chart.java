// SPDX-License-Identifier: Apache-2.0
package dev.knarr.chart;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.stream.StreamSupport;

/** The chart of this repository, rendered by the real helm without a cluster. Any thread. */
final class Chart {
  static final Path FOLDER = Path.of("knarr").toAbsolutePath();

  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

  private Chart() {}

  /** What {@code helm template} made of release {@code knarr} in namespace {@code knarr-system}. */
  record Rendered(String text, List<JsonNode> objects) {

    /** Kind and name of each object, with the namespace before the name where it has one. */
    List<String> names() {
      return objects.stream().map(Rendered::name).toList();
    }

    JsonNode object(String name) {
      return objects.stream()
          .filter(object -> name(object).equals(name))
          .findFirst()
          .orElseThrow(() -> new NoSuchElementException("No " + name + " in " + names()));
    }

    JsonNode operator() {
      return object("Deployment knarr-system/knarr").at("/spec/template/spec");
    }

    JsonNode container() {
      return operator().at("/containers/0");
    }

    /** The value of an environment variable, null when it is not set. */
    @org.jspecify.annotations.Nullable
    String env(String name) {
      for (var variable : container().at("/env")) {
        if (variable.at("/name").asText().equals(name)) {
          return variable.at("/value").asText();
        }
      }
      return null;
    }

    private static String name(JsonNode object) {
      var namespace = object.at("/metadata/namespace").asText();
      return object.at("/kind").asText()
          + " "
          + (namespace.isEmpty() ? "" : namespace + "/")
          + object.at("/metadata/name").asText();
    }
  }

  /** Renders with further arguments of {@code helm template}, which must succeed. */
  static Rendered render(String... arguments) {
    var text = template(arguments).succeeded();
    return new Rendered(text, documents(text));
  }

  /** Runs {@code helm template}, however it ends. */
  static ClusterPrograms.Result template(String... arguments) {
    var all =
        new ArrayList<>(
            List.of("template", "knarr", FOLDER.toString(), "--namespace", "knarr-system"));
    all.addAll(List.of(arguments));
    return ClusterPrograms.run("helm", Map.of(), "", all);
  }

  /** The documents of a YAML stream, without empty ones. */
  static List<JsonNode> documents(String yaml) {
    try (var documents = YAML.readerFor(JsonNode.class).<JsonNode>readValues(yaml)) {
      return documents.readAll().stream()
          .filter(document -> !document.isNull() && !document.isMissingNode())
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The environment of the operator; of what comes from its pod, the field. */
  static Map<String, String> settings(String... arguments) {
    var settings = new LinkedHashMap<String, String>();
    for (var variable : render(arguments).container().at("/env")) {
      settings.put(
          variable.at("/name").asText(),
          variable.has("value")
              ? variable.at("/value").asText()
              : variable.at("/valueFrom/fieldRef/fieldPath").asText());
    }
    return settings;
  }

  /** The texts of a list. */
  static List<String> texts(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false).map(JsonNode::asText).toList();
  }

  /** The version of the build, as the chart names it. */
  static String version() {
    return System.getProperty("knarr.version").replace("-SNAPSHOT", "");
  }
}
