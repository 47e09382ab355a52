// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * Whether an object is as the operator applied it, so that nothing is written when nothing changed.
 *
 * <p>Two questions are enough, since server-side apply keeps foreign fields anyway. Is what was
 * applied last what would be applied now? A fingerprint in an annotation says so, and with it that
 * no field has to be given up. Does the object still hold all of it? It may hold more: defaults of
 * the API server and what others added. Quantities are equal by value, and empty is like absent.
 */
final class AppliedState {
  /** The fingerprint of what was applied. */
  static final String ANNOTATION = "knarr.dev/applied";

  /** Lists whose items the API server merges one by one: others may have added theirs. */
  private static final Set<String> MERGED_LISTS =
      Set.of(
          "claims",
          "containers",
          "env",
          "imagePullSecrets",
          "initContainers",
          "ownerReferences",
          "ports",
          "resourceClaims",
          "topologySpreadConstraints",
          "volumeMounts",
          "volumes");

  /** Maps that belong to one manager as a whole. */
  private static final Set<String> WHOLE_MAPS = Set.of("matchLabels", "nodeSelector", "selector");

  /** Maps whose values are quantities, and single fields that are. */
  private static final Set<String> QUANTITIES = Set.of("limits", "requests", "sizeLimit");

  /** Kinds without lists that are merged. */
  private static final Set<String> WHOLE_LIST_KINDS = Set.of("NetworkPolicy", "PodMonitor");

  private static final KubernetesSerialization JSON = new KubernetesSerialization();

  private final boolean mergesLists;

  private AppliedState(boolean mergesLists) {
    this.mergesLists = mergesLists;
  }

  /** Writes down what is about to be applied. */
  static <R extends HasMetadata> R stamp(R desired) {
    var annotations =
        new HashMap<>(
            PodParts.or(desired.getMetadata().getAnnotations(), Map.<String, String>of()));
    annotations.put(ANNOTATION, Fingerprint.of(desired));
    desired.getMetadata().setAnnotations(annotations);
    return desired;
  }

  /**
   * Whether nothing has to be written.
   *
   * @param desired what would be applied, stamped
   */
  static boolean holds(HasMetadata actual, HasMetadata desired) {
    var wanted = desired.getMetadata().getAnnotations().get(ANNOTATION);
    var annotations = actual.getMetadata().getAnnotations();
    if (annotations == null || !String.valueOf(wanted).equals(annotations.get(ANNOTATION))) {
      return false;
    }
    return new AppliedState(!WHOLE_LIST_KINDS.contains(desired.getKind()))
        .holds("", tree(actual), tree(desired));
  }

  private static JsonNode tree(HasMetadata object) {
    return JSON.convertValue(object, JsonNode.class);
  }

  private boolean holds(String field, JsonNode actual, JsonNode desired) {
    if (empty(desired)) {
      return true;
    }
    // The API server drops a false where it is the default.
    if (desired.isBoolean() && !desired.booleanValue()) {
      return !actual.asBoolean();
    }
    if (empty(actual)) {
      return false;
    }
    if (QUANTITIES.contains(field)) {
      return holdsQuantities(actual, desired);
    }
    return switch (desired) {
      case ObjectNode map -> holdsMap(field, actual, map);
      case ArrayNode list -> holdsList(field, actual, list);
      case JsonNode value -> value.asText().equals(actual.asText());
    };
  }

  private boolean holdsMap(String field, JsonNode actual, ObjectNode desired) {
    if (!actual.isObject() || (WHOLE_MAPS.contains(field) && actual.size() != desired.size())) {
      return false;
    }
    return desired.properties().stream()
        .allMatch(entry -> holds(entry.getKey(), actual.path(entry.getKey()), entry.getValue()));
  }

  /** Merged lists keep the order of our items, with others anywhere between. */
  private boolean holdsList(String field, JsonNode actual, ArrayNode desired) {
    boolean merged = mergesLists && MERGED_LISTS.contains(field);
    if (!actual.isArray() || (!merged && actual.size() != desired.size())) {
      return false;
    }
    int next = 0;
    for (var item : desired) {
      while (next < actual.size() && !holds("", actual.get(next), item)) {
        if (!merged) {
          return false;
        }
        next++;
      }
      if (next++ == actual.size()) {
        return false;
      }
    }
    return true;
  }

  private static boolean holdsQuantities(JsonNode actual, JsonNode desired) {
    if (desired.isObject()) {
      return desired.properties().stream()
          .allMatch(
              entry ->
                  actual.has(entry.getKey())
                      && sameQuantity(actual.get(entry.getKey()), entry.getValue()));
    }
    return sameQuantity(actual, desired);
  }

  private static boolean sameQuantity(JsonNode actual, JsonNode desired) {
    return new Quantity(actual.asText())
            .getNumericalAmount()
            .compareTo(new Quantity(desired.asText()).getNumericalAmount())
        == 0;
  }

  private static boolean empty(JsonNode node) {
    return node.isMissingNode()
        || node.isNull()
        || (node.isContainerNode() && node.isEmpty())
        || (node.isTextual() && node.textValue().isEmpty());
  }
}
