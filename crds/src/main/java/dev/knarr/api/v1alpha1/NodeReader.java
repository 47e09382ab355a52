// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Quantity;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;

/**
 * Reads YAML nodes as the types of the API say: every node is checked against the type of its field
 * before Jackson sees it, since Jackson stops at the first fault and knows no lines. Wrong values
 * are reported and left out. One use, one thread.
 */
final class NodeReader {
  /** Aliases can make a document without end; no real one comes near these. */
  private static final int MAX_NODES = 20_000;

  private static final int MAX_DEPTH = 40;
  private static final Map<String, Type> ROOT =
      new TreeMap<>(
          Map.of(
              "apiVersion", String.class,
              "kind", String.class,
              "metadata", ObjectMeta.class,
              "spec", InferenceClusterSpec.class,
              "status", InferenceClusterStatus.class));

  private final YamlDocument document;
  private int nodes;

  NodeReader(YamlDocument document) {
    this.document = document;
  }

  static int line(Node node) {
    return node.getStartMark().map(mark -> mark.getLine() + 1).orElse(1);
  }

  /** The whole document as nested maps. */
  @Nullable Object read(Node root) {
    if (!(root instanceof MappingNode mapping)) {
      document.problem(
          line(root),
          "",
          "The file holds no fields. Begin it with apiVersion, kind, metadata, spec.");
      return null;
    }
    var values = fields(mapping, "", ROOT, 0);
    header(
        values,
        "apiVersion",
        InferenceCluster.GROUP + "/" + InferenceCluster.VERSION,
        Sentences.API_VERSION);
    header(values, "kind", InferenceCluster.KIND, Sentences.KIND);
    return values;
  }

  private void header(Map<String, Object> values, String field, String expected, String sentence) {
    if (!expected.equals(values.put(field, expected))) {
      document.problem(document.lineOf(field), field, sentence);
    }
  }

  private Map<String, Object> fields(
      MappingNode mapping, String path, Map<String, Type> known, int depth) {
    var values = new LinkedHashMap<String, Object>();
    for (var entry : mapping.getValue()) {
      var name = entry.getKeyNode() instanceof ScalarNode key ? key.getValue() : "?";
      var field = path.isEmpty() ? name : path + "." + name;
      int line = line(entry.getKeyNode());
      var type = known.get(name);
      if (type == null) {
        document.problem(line, field, unknown(name, known));
        continue;
      }
      document.line(field, line);
      var value = value(entry.getValueNode(), field, type, depth + 1);
      if (value != null && values.put(name, value) != null) {
        document.problem(line, field, "This field appears twice. Keep one of the two.");
      }
    }
    return values;
  }

  private static String unknown(String name, Map<String, Type> known) {
    return Spelling.nearest(name, known.keySet())
        .map(near -> "There is no field %s. Did you mean %s?".formatted(name, near))
        .orElseGet(
            () ->
                "There is no field %s. Remove it; here are possible: %s."
                    .formatted(name, String.join(", ", known.keySet())));
  }

  private @Nullable Object value(Node node, String field, Type type, int depth) {
    if (++nodes > MAX_NODES || depth > MAX_DEPTH) {
      if (nodes <= MAX_NODES + 1) {
        document.problem(
            line(node), field, "The document is too large or refers to itself. Remove aliases.");
      }
      return null;
    }
    if (node.getTag().equals(Tag.NULL)) {
      return null;
    }
    if (type instanceof ParameterizedType parameterized) {
      var arguments = parameterized.getActualTypeArguments();
      return parameterized.getRawType() == List.class
          ? list(node, field, arguments[0], depth)
          : map(node, field, arguments[arguments.length - 1], depth);
    }
    return type instanceof Class<?> plain ? plain(node, field, plain, depth) : untyped(node, depth);
  }

  private @Nullable Object list(Node node, String field, Type element, int depth) {
    if (!(node instanceof SequenceNode sequence)) {
      return wrong(node, field, "a list", "Write one item per line, each after '- '");
    }
    var list = new ArrayList<Object>();
    int index = 0;
    for (var item : sequence.getValue()) {
      var path = field + "[" + index++ + "]";
      document.line(path, line(item));
      var value = value(item, path, element, depth + 1);
      if (value != null) {
        list.add(value);
      } else if (item.getTag().equals(Tag.NULL)) {
        document.problem(line(item), path, "This item is empty. Give a value or remove it.");
      }
    }
    return list;
  }

  private @Nullable Object map(Node node, String field, Type element, int depth) {
    if (!(node instanceof MappingNode mapping)) {
      return wrong(node, field, "a map", "Write one KEY: VALUE per line");
    }
    var map = new LinkedHashMap<String, Object>();
    for (var entry : mapping.getValue()) {
      var key = entry.getKeyNode() instanceof ScalarNode scalar ? scalar.getValue() : "?";
      var path = field + "." + key;
      document.line(path, line(entry.getKeyNode()));
      var value = value(entry.getValueNode(), path, element, depth + 1);
      if (value != null && map.put(key, value) != null) {
        document.problem(line(node), path, "This key appears twice. Keep one of the two.");
      }
    }
    return map;
  }

  private @Nullable Object plain(Node node, String field, Class<?> type, int depth) {
    if (type == Object.class) {
      return untyped(node, depth);
    }
    if (type == Quantity.class) {
      return quantity(node, field);
    }
    if (type == String.class) {
      return text(node, field);
    }
    if (type == IntOrString.class) {
      return node instanceof ScalarNode scalar
          ? (scalar.getTag().equals(Tag.INT) ? whole(scalar, field) : scalar.getValue())
          : wrong(node, field, "a number or text", "Correct it");
    }
    if (type == Integer.class || type == Long.class) {
      return whole(node, field);
    }
    if (type == Boolean.class) {
      return node instanceof ScalarNode scalar && scalar.getTag().equals(Tag.BOOL)
          ? Boolean.valueOf(scalar.getValue())
          : wrong(node, field, "true or false", "Write one of the two, without quotes");
    }
    if (type.isEnum()) {
      return constant(node, field, type);
    }
    if (!(node instanceof MappingNode mapping)) {
      return wrong(
          node,
          field,
          "an object",
          "Its fields are: " + String.join(", ", BeanFields.of(type).keySet()));
    }
    return fields(mapping, field, BeanFields.of(type), depth);
  }

  private @Nullable Object text(Node node, String field) {
    if (!(node instanceof ScalarNode scalar)) {
      return wrong(node, field, "text", "Write it on one line, or in quotes");
    }
    return scalar.getTag().equals(Tag.STR) && !flagOfYaml11(scalar)
        ? scalar.getValue()
        : wrong(node, field, "text", "Put it in quotes: \"%s\"".formatted(scalar.getValue()));
  }

  /** kubectl reads YAML 1.1, where these words without quotes are true and false. */
  private static boolean flagOfYaml11(ScalarNode scalar) {
    return scalar.getScalarStyle() == ScalarStyle.PLAIN
        && scalar.getValue().matches("(?i)y|n|yes|no|on|off");
  }

  private @Nullable Object whole(Node node, String field) {
    if (node instanceof ScalarNode scalar && scalar.getTag().equals(Tag.INT)) {
      try {
        return new BigInteger(scalar.getValue()).intValueExact();
      } catch (ArithmeticException | NumberFormatException _) {
        return wrong(node, field, "a number below 2147483648", "Correct it");
      }
    }
    return wrong(node, field, "a whole number", "Write digits only, without a unit or quotes");
  }

  private @Nullable Object quantity(Node node, String field) {
    if (node instanceof ScalarNode scalar && scalar.getValue().matches(Patterns.SIZE)) {
      return scalar.getValue();
    }
    document.problem(line(node), field, Sentences.SIZE);
    return null;
  }

  private @Nullable Object constant(Node node, String field, Class<?> type) {
    var values = BeanFields.constants(type);
    if (!(node instanceof ScalarNode scalar)) {
      return wrong(node, field, "one word", "Use one of " + String.join(", ", values));
    }
    if (values.contains(scalar.getValue())) {
      return scalar.getValue();
    }
    var near = Spelling.nearest(scalar.getValue(), values);
    document.problem(
        line(node),
        field,
        "%s is not possible here. %s"
            .formatted(
                scalar.getValue(),
                near.map(
                        word ->
                            "Did you mean %s? Possible are %s."
                                .formatted(word, String.join(", ", values)))
                    .orElse("Use one of %s.".formatted(String.join(", ", values)))));
    return null;
  }

  /** Free content of Kubernetes types: any YAML. */
  private @Nullable Object untyped(Node node, int depth) {
    return switch (node) {
      case ScalarNode scalar -> scalar.getValue();
      case SequenceNode _ -> list(node, "", Object.class, depth);
      case MappingNode _ -> map(node, "", Object.class, depth);
      default -> null;
    };
  }

  private @Nullable Object wrong(Node node, String field, String expected, String remedy) {
    var found =
        switch (node) {
          case ScalarNode scalar when scalar.getScalarStyle() != ScalarStyle.PLAIN ->
              "the text '" + abbreviated(scalar.getValue()) + "'";
          case ScalarNode scalar -> "'" + abbreviated(scalar.getValue()) + "'";
          case SequenceNode _ -> "a list";
          default -> "a map";
        };
    document.problem(
        line(node), field, "This must be %s, but it is %s. %s.".formatted(expected, found, remedy));
    return null;
  }

  private static String abbreviated(String text) {
    var line = text.lines().collect(Collectors.joining(" "));
    return line.length() <= 40 ? line : line.substring(0, 40) + "…";
  }
}
