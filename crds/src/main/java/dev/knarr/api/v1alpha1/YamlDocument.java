// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.Node;

/**
 * One parsed document: its values as maps, lists and scalars, the line of every field, and what was
 * wrong with it. Immutable once parsed.
 */
final class YamlDocument {
  private final Path file;
  private final List<Problem> problems = new ArrayList<>();
  private final Map<String, Integer> lines = new HashMap<>();
  private @Nullable Object value;

  private YamlDocument(Path file) {
    this.file = file;
  }

  static YamlDocument parse(Path file, String text) {
    var document = new YamlDocument(file);
    try {
      var settings = LoadSettings.builder().setUseMarks(true).build();
      var nodes = new ArrayList<Node>();
      new Compose(settings).composeAllFromString(text).forEach(nodes::add);
      document.take(nodes);
    } catch (MarkedYamlEngineException e) {
      int line = e.getProblemMark().map(mark -> mark.getLine() + 1).orElse(1);
      document.problem(
          line,
          "",
          "This is not YAML: %s. Check indentation and quotes.".formatted(e.getProblem()));
    } catch (YamlEngineException e) {
      document.problem(
          1, "", "This is not YAML: %s. Name the file of the cluster.".formatted(e.getMessage()));
    }
    return document;
  }

  private void take(List<Node> nodes) {
    if (nodes.isEmpty()) {
      problem(1, "", "The file is empty. Put one InferenceCluster into it.");
    } else if (nodes.size() > 1) {
      problem(
          NodeReader.line(nodes.get(1)),
          "",
          "The file holds %d documents. Put each InferenceCluster into a file of its own."
              .formatted(nodes.size()));
    } else {
      value = new NodeReader(this).read(nodes.getFirst());
    }
  }

  void problem(int line, String field, String message) {
    problems.add(new Problem(file, line, field, message));
  }

  void line(String field, int line) {
    lines.putIfAbsent(field, line);
  }

  /** The line of a field, or of the nearest one around it when it is absent. */
  int lineOf(String field) {
    var path = field;
    while (!path.isEmpty()) {
      var line = lines.get(path);
      if (line != null) {
        return line;
      }
      path = path.substring(0, Math.max(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('['))));
    }
    return 1;
  }

  List<Problem> problems() {
    return List.copyOf(problems);
  }

  /** Empty when the text is no single document. */
  Optional<Object> value() {
    return Optional.ofNullable(value);
  }
}
