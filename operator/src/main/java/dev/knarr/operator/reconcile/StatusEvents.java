// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static java.util.stream.Collectors.joining;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.api.v1alpha1.DevicePlanStatus;
import dev.knarr.api.v1alpha1.InferenceClusterStatus;
import dev.knarr.api.v1alpha1.PlanStatus;
import dev.knarr.api.v1alpha1.WorkerStatus;
import dev.knarr.operator.observe.Observation;
import io.fabric8.kubernetes.api.model.Condition;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What happened between two statuses of a cluster; pure functions. */
final class StatusEvents {
  private static final Set<String> ROLLING =
      Set.of(ConditionReason.ROLLING_OUT.value(), ConditionReason.DRAINING.value());

  private StatusEvents() {}

  /** What is to be told, in the order of things. */
  static List<Occurrence> between(
      @Nullable InferenceClusterStatus previous, InferenceClusterStatus next, Observation seen) {
    var happened = new ArrayList<Occurrence>();
    rollout(previous, next).ifPresent(happened::add);
    if (became(previous, next, ConditionType.MODEL_AVAILABLE)) {
      happened.add(
          Occurrence.of(
              Decision.MODEL_AVAILABLE, "", message(next, ConditionType.MODEL_AVAILABLE)));
    }
    plan(previous, next).ifPresent(happened::add);
    happened.addAll(workersBack(previous, next));
    trouble(previous, next).ifPresent(happened::add);
    if (seen.llamaServerRestarts() > 0) {
      happened.add(
          Occurrence.of(
              Decision.LLAMA_SERVER_RESTARTED,
              "",
              "The head started llama-server again. %s"
                  .formatted(seen.head().map(head -> Sentence.of(head.message())).orElse(""))));
    }
    if (became(previous, next, ConditionType.READY)) {
      happened.add(Occurrence.of(Decision.READY, "", message(next, ConditionType.READY)));
    }
    return List.copyOf(happened);
  }

  private static Optional<Occurrence> rollout(
      @Nullable InferenceClusterStatus previous, InferenceClusterStatus next) {
    var before = rolling(previous);
    var after = rolling(next);
    if (!before && after) {
      return Optional.of(
          Occurrence.of(Decision.ROLLOUT_BEGAN, "", message(next, ConditionType.READY)));
    }
    return before && !after
        ? Optional.of(
            Occurrence.of(Decision.ROLLOUT_ENDED, "", "All pods are what the spec asks for."))
        : Optional.empty();
  }

  private static boolean rolling(@Nullable InferenceClusterStatus status) {
    return Conditions.find(status, ConditionType.READY)
        .filter(ready -> ROLLING.contains(ready.getReason()))
        .isPresent();
  }

  private static Optional<Occurrence> plan(
      @Nullable InferenceClusterStatus previous, InferenceClusterStatus next) {
    var before = placement(previous == null ? null : previous.getPlan());
    var after = placement(next.getPlan());
    return after.isEmpty() || after.equals(before)
        ? Optional.empty()
        : Optional.of(
            Occurrence.of(
                Decision.PLAN_MADE,
                "",
                (before.isEmpty() ? "Layers are placed: %s." : "Layers are placed anew: %s.")
                    .formatted(after)));
  }

  private static String placement(@Nullable PlanStatus plan) {
    return plan == null
        ? ""
        : Objects.requireNonNullElse(plan.getDevices(), List.<DevicePlanStatus>of()).stream()
            .map(device -> "%s has %s".formatted(device.getName(), device.getLayers()))
            .collect(joining("; "));
  }

  private static List<Occurrence> workersBack(
      @Nullable InferenceClusterStatus previous, InferenceClusterStatus next) {
    var lost = lost(next);
    var known = names(next).collect(Collectors.toSet());
    return lost(previous).stream()
        .filter(worker -> known.contains(worker) && !lost.contains(worker))
        .sorted()
        .map(
            worker ->
                Occurrence.of(
                    Decision.WORKER_BACK, worker, "Worker %s answers again.".formatted(worker)))
        .toList();
  }

  private static Stream<String> names(InferenceClusterStatus status) {
    return workers(status).map(worker -> Objects.requireNonNullElse(worker.getName(), ""));
  }

  private static Set<String> lost(@Nullable InferenceClusterStatus status) {
    return workers(status)
        .filter(worker -> worker.getLastSeen() != null)
        .map(worker -> Objects.requireNonNullElse(worker.getName(), ""))
        .collect(Collectors.toSet());
  }

  private static Stream<WorkerStatus> workers(@Nullable InferenceClusterStatus status) {
    return status == null
        ? Stream.of()
        : Objects.requireNonNullElse(status.getWorkers(), List.<WorkerStatus>of()).stream();
  }

  /** A trouble is told when it begins; its words may change while it lasts. */
  private static Optional<Occurrence> trouble(
      @Nullable InferenceClusterStatus previous, InferenceClusterStatus next) {
    var before = Conditions.find(previous, ConditionType.READY).map(Condition::getReason);
    return Conditions.find(next, ConditionType.READY)
        .filter(ready -> Reasons.trouble(ready.getReason()))
        .filter(ready -> !Optional.of(ready.getReason()).equals(before))
        .map(
            ready ->
                Occurrence.trouble(
                    ready.getReason(),
                    lost(next).stream().sorted().collect(joining(",")),
                    ready.getMessage()));
  }

  private static boolean became(
      @Nullable InferenceClusterStatus previous, InferenceClusterStatus next, ConditionType type) {
    return !Conditions.isTrue(previous, type) && Conditions.isTrue(next, type);
  }

  private static String message(InferenceClusterStatus status, ConditionType type) {
    return Conditions.find(status, type).map(Condition::getMessage).orElse("");
  }
}
