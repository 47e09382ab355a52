// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/** The CEL rules of a definition. */
final class CrdRules {
  private CrdRules() {}

  /**
   * A rule of a type.
   *
   * @param field where it is, without indices and keys; a type that stands in several places, such
   *     as the source of a model, has its rules only once
   * @param sentence what it says
   */
  record Rule(String field, String sentence) implements Comparable<Rule> {
    static Rule of(String field, String sentence) {
      return new Rule(
          field
              .replaceAll("\\[[^]]*]", "")
              .replaceFirst("^spec\\.model\\.(draft|projector)\\.", "spec.model.")
              .replaceFirst("^spec\\.(head|workers)\\.(resources|devices)", "spec.placement.$2")
              .replaceFirst("^spec\\.(workers\\.tensorCache|model\\.storage)\\.", "spec.storage.")
              .replaceFirst("^spec\\..*\\.\\w+SecretRef", "spec.secret"),
          sentence);
    }

    @Override
    public int compareTo(Rule other) {
      int byField = field.compareTo(other.field);
      return byField == 0 ? sentence.compareTo(other.sentence) : byField;
    }
  }

  /** All rules of the definition in this file. */
  static Set<Rule> of(Path file) throws IOException {
    var rules = new TreeSet<Rule>();
    for (var version : new YAMLMapper().readTree(file.toFile()).at("/spec/versions")) {
      collect(version.at("/schema/openAPIV3Schema"), "", rules);
    }
    return rules;
  }

  private static void collect(JsonNode schema, String field, Set<Rule> rules) {
    for (var rule : schema.path("x-kubernetes-validations")) {
      var name = field + rule.path("fieldPath").asText();
      rules.add(Rule.of(name.replaceFirst("^\\.", ""), rule.path("message").asText()));
    }
    for (var property : schema.path("properties").properties()) {
      collect(property.getValue(), field + "." + property.getKey(), rules);
    }
    for (var items : new String[] {"items", "additionalProperties"}) {
      if (schema.path(items).isObject()) {
        collect(schema.get(items), field, rules);
      }
    }
  }
}
