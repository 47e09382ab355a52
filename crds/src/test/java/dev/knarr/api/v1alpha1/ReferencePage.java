// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import io.fabric8.kubernetes.api.model.Quantity;
import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The page of all fields, made from the types and their javadoc as the CRD is. */
final class ReferencePage {
  private static final String HEAD =
      """
      <!-- Made from the types in dev.knarr.api.v1alpha1. After a change there: COMMAND -->

      # InferenceCluster

      `knarr.dev/v1alpha1`, the one kind of Knarr. `./knarr up FILE` and `kubectl apply -f FILE` read the same file. `kubectl explain ic.spec --recursive` has
      these fields and texts too.

      ```yaml
      apiVersion: knarr.dev/v1alpha1
      kind: InferenceCluster
      metadata:
        name: quickstart          # a DNS label that begins with a letter, at most 30 characters
      spec:
        model:
          name: knarr-demo
          source: { path: models/knarr-demo-q4_0.gguf }
        workers:
          - { name: cpu, replicas: 2, backend: cpu }
      ```

      Every problem of a file is reported at once, by `./knarr` as `FILE:LINE: FIELD: what is wrong. What to do.`, by Kubernetes with the same sentences.
      Unknown fields are problems too.
      Sizes are numbers with a unit: `16Gi`, `512Mi` (by 1024), `10G` (by 1000). Fields of a Kubernetes type, such as `affinity`, are those of a pod.

      """;

  private final Javadoc javadoc = new Javadoc();
  private final StringBuilder page = new StringBuilder();

  private ReferencePage() {}

  static String of(String command) {
    var reference = new ReferencePage();
    reference.page.append(HEAD.replace("COMMAND", command));
    reference.table("Spec", "spec", InferenceClusterSpec.class);
    reference.page.append("\n");
    reference.table("Status", "status", InferenceClusterStatus.class);
    return reference.page.toString();
  }

  private void table(String title, String path, Class<?> bean) {
    page.append(
        "## %s\n\n%s\n\n| field | type | meaning |\n|---|---|---|\n"
            .formatted(title, javadoc.of(bean)));
    rows(path, bean);
  }

  private void rows(String path, Class<?> bean) {
    BeanFields.declared(bean)
        .forEach(
            (name, field) -> {
              var element = element(field.getGenericType());
              var nested = CrdGenerator.ours(element) && !element.isEnum();
              var list = field.getType() == List.class && nested ? "[]" : "";
              var here = path + "." + name + list;
              page.append("| `%s` | %s | %s |\n".formatted(here, type(field), text(field)));
              if (nested) {
                rows(here, element);
              }
            });
  }

  private String text(Field field) {
    return javadoc.of(field).replace("|", "\\|");
  }

  private static Class<?> element(Type type) {
    return type instanceof ParameterizedType container
        ? element(container.getActualTypeArguments()[container.getActualTypeArguments().length - 1])
        : (Class<?>) type;
  }

  private static String type(Field field) {
    var element = element(field.getGenericType());
    var name = name(element);
    if (field.getType() == List.class) {
      return CrdGenerator.ours(element) ? "list" : "list of " + name;
    }
    return field.getType() == Map.class ? "map of " + name : name;
  }

  private static String name(Class<?> type) {
    if (type.isEnum()) {
      return Stream.of(type.getFields())
          .filter(Field::isEnumConstant)
          .map(BeanFields::name)
          .collect(Collectors.joining(" \\| "));
    }
    if (type == String.class) {
      return "text";
    }
    if (type == Quantity.class) {
      return "size";
    }
    if (Number.class.isAssignableFrom(type)) {
      return "number";
    }
    return CrdGenerator.ours(type) ? "object" : type.getSimpleName();
  }
}
