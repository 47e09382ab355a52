// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.api.v1alpha1.InferenceClusterStatus;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.ConditionBuilder;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Conditions of a status; pure functions. */
final class Conditions {
  private Conditions() {}

  static Optional<Condition> find(@Nullable InferenceClusterStatus status, ConditionType type) {
    return Optional.ofNullable(status)
        .map(known -> Objects.requireNonNullElse(known.getConditions(), List.<Condition>of()))
        .stream()
        .flatMap(List::stream)
        .filter(condition -> type.value().equals(condition.getType()))
        .findFirst();
  }

  static boolean isTrue(@Nullable InferenceClusterStatus status, ConditionType type) {
    return find(status, type).filter(condition -> "True".equals(condition.getStatus())).isPresent();
  }

  /** A condition that keeps the time of its last change when its status is as before. */
  static Condition of(
      ConditionType type,
      String status,
      String reason,
      String message,
      @Nullable InferenceClusterStatus previous,
      @Nullable Long generation,
      Instant now) {
    var since =
        find(previous, type)
            .filter(before -> status.equals(before.getStatus()))
            .map(Condition::getLastTransitionTime)
            .orElse(now.truncatedTo(ChronoUnit.SECONDS).toString());
    return new ConditionBuilder()
        .withType(type.value())
        .withStatus(status)
        .withReason(reason)
        .withMessage(message)
        .withObservedGeneration(generation)
        .withLastTransitionTime(since)
        .build();
  }
}
