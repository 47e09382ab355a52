// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static java.util.stream.Collectors.joining;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.InferenceClusterStatus;
import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.api.v1alpha1.Violation;
import dev.knarr.operator.ClusterNames;
import dev.knarr.operator.Labels;
import dev.knarr.operator.observe.HeadAnswer;
import dev.knarr.operator.observe.Observation;
import dev.knarr.operator.reconcile.Verdict.Weight;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.apps.DeploymentStatus;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Says what a user sees of a cluster; a pure function of what one pass did and what was observed.
 * Conditions follow kstatus: Ready is true only when the head of the wanted revision says that it
 * serves with all workers proven, Stalled only when nothing will change until a person acts, and
 * Reconciling in between.
 */
public final class StatusBuilder {
  /** Violations that are told at once; the others come when these are gone. */
  private static final int MOST_VIOLATIONS = 5;

  private final InferenceCluster cluster;
  private final Pass pass;
  private final Observation seen;
  private final @Nullable InferenceClusterStatus previous;
  private final @Nullable Long generation;

  private StatusBuilder(InferenceCluster cluster, Pass pass, Observation seen) {
    this.cluster = cluster;
    this.pass = pass;
    this.seen = seen;
    this.previous = cluster.getStatus();
    this.generation = cluster.getMetadata().getGeneration();
  }

  /**
   * The status of a cluster.
   *
   * @param cluster with its previous status
   * @param pass what the reconciler did
   * @param seen what is known; its time is now
   */
  public static InferenceClusterStatus build(
      InferenceCluster cluster, Pass pass, Observation seen) {
    var builder = new StatusBuilder(cluster, pass, seen);
    return pass.violations().isEmpty() ? builder.valid() : builder.invalid();
  }

  private InferenceClusterStatus invalid() {
    var sentences =
        pass.violations().stream()
            .limit(MOST_VIOLATIONS)
            .map(StatusBuilder::text)
            .collect(joining(" "));
    var cause = Verdict.stalled(ConditionReason.SPEC_INVALID, sentences);
    var unknown =
        Verdict.waiting(ConditionReason.SPEC_INVALID, "The spec breaks a rule: see Ready.");
    var status = frame("Failed", cause);
    if (previous != null) {
      // What runs goes on by the last valid spec.
      status.setEndpoint(previous.getEndpoint());
      status.setWorkersReady(previous.getWorkersReady());
      status.setPlan(previous.getPlan());
      status.setWorkers(previous.getWorkers());
      status.setTokensPerSecond(previous.getTokensPerSecond());
    }
    seen.head().ifPresent(answer -> live(status, answer));
    status.setConditions(
        conditions(cause, unknown, unknown, unknown, unknown, false, false, false));
    return status;
  }

  /** What a head shows whose spec is not known any more. */
  private static void live(InferenceClusterStatus status, HeadAnswer answer) {
    var names = answer.workers().stream().map(HeadAnswer.Worker::name).toList();
    var proven = answer.workers().stream().filter(HeadAnswer.Worker::proven).count();
    status.setWorkersReady("%d/%d".formatted(proven, names.size()));
    status.setPlan(Evidence.plan(answer));
    status.setWorkers(Evidence.workers(answer, names));
    status.setTokensPerSecond(Evidence.rates(answer));
  }

  private static String text(Violation violation) {
    return violation.field() + ": " + violation.message();
  }

  private InferenceClusterStatus valid() {
    var spec = ResolvedSpec.from(cluster);
    var judgement = new Judgement(cluster, spec, pass, seen);
    var model = judgement.model();
    var workers = judgement.workers();
    var planned = judgement.planned();
    var head = judgement.headReady();
    var cause = cause(judgement, List.of(model, workers, planned, head));
    boolean ready = cause.isEmpty();
    var verdict =
        cause.orElseGet(
            () ->
                Verdict.yes(
                    "The endpoint %s answers; %s"
                        .formatted(endpoint(spec), lowerFirst(workers.message()))));
    boolean degraded = !ready && degraded(judgement);
    boolean reconciling =
        !ready
            && verdict.weight() != Weight.STALLED
            && !(judgement.stopped() && !judgement.anyPods());
    var status = frame(phase(judgement, verdict, degraded, model), verdict);
    status.setEndpoint(endpoint(spec));
    status.setWorkersReady("%d/%d".formatted(judgement.proven(), spec.workerNames().size()));
    judgement
        .head()
        .ifPresentOrElse(
            answer -> {
              status.setPlan(Evidence.plan(answer));
              status.setWorkers(Evidence.workers(answer, spec.workerNames()));
              status.setTokensPerSecond(Evidence.rates(answer));
            },
            () -> {
              // The plan outlives a head that restarts; what its workers showed does not.
              if (previous != null && planned.fine()) {
                status.setPlan(previous.getPlan());
              }
            });
    status.setConditions(
        conditions(verdict, model, workers, planned, head, ready, reconciling, degraded));
    return status;
  }

  /** What stands most in the way of Ready; of equals the first in the order of things. */
  private Optional<Verdict> cause(Judgement judgement, List<Verdict> parts) {
    var verdicts = new ArrayList<Verdict>();
    pass.refusal()
        .map(
            refusal ->
                Reasons.permanent(refusal.reason())
                    ? Verdict.stalled(refusal.reason(), refusal.message())
                    : Verdict.problem(refusal.reason(), refusal.message()))
        .ifPresent(verdicts::add);
    pass.rollout()
        .map(rollout -> Verdict.progress(rollout.reason(), rollout.message()))
        .ifPresent(verdicts::add);
    if (judgement.stopped()) {
      verdicts.add(judgement.headReady());
      return heaviest(verdicts);
    }
    if (judgement.head().filter(HeadAnswer::reduced).isPresent() && judgement.headReady().fine()) {
      // Whatever keeps a worker away, and be it for good: requests are served.
      verdicts.add(reduced(judgement));
    } else {
      verdicts.addAll(parts);
    }
    return heaviest(verdicts);
  }

  private Verdict reduced(Judgement judgement) {
    return Verdict.problem(
        ConditionReason.REDUCED_PLAN,
        "The endpoint %s answers by a plan over a part of the workers; the others are taken in when they are back and no request is running. %s"
            .formatted(endpoint(ResolvedSpec.from(cluster)), judgement.workers().message()));
  }

  private static Optional<Verdict> heaviest(List<Verdict> verdicts) {
    // Of equals, max gives the first.
    return verdicts.stream()
        .filter(verdict -> !verdict.fine())
        .max(Comparator.comparing(Verdict::weight));
  }

  /** Whether something that was proven for this generation is not so any more. */
  private boolean degraded(Judgement judgement) {
    return !judgement.stopped()
        && pass.rollout().isEmpty()
        && (judgement.lost() || was(ConditionType.HEAD_READY) || was(ConditionType.DEGRADED));
  }

  private boolean was(ConditionType type) {
    return Conditions.find(previous, type)
        .filter(condition -> "True".equals(condition.getStatus()))
        .filter(condition -> Objects.equals(condition.getObservedGeneration(), generation))
        .isPresent();
  }

  private static String phase(Judgement judgement, Verdict cause, boolean degraded, Verdict model) {
    if (cause.weight() == Weight.STALLED) {
      return "Failed";
    }
    if (judgement.stopped()) {
      return "Stopped";
    }
    if (cause.fine()) {
      return "Ready";
    }
    if (degraded) {
      return "Degraded";
    }
    if (Reasons.fetching(model.reason())) {
      return "Fetching";
    }
    return judgement.anythingRuns() ? "Starting" : "Pending";
  }

  private InferenceClusterStatus frame(String phase, Verdict cause) {
    var status = new InferenceClusterStatus();
    status.setObservedGeneration(generation);
    status.setPhase(phase);
    status.setReason(cause.reason());
    status.setMessage(cause.message());
    status.setReplicas(
        seen.deployment()
            .map(deployment -> deployment.getStatus())
            .map(DeploymentStatus::getReplicas)
            .orElse(0));
    status.setSelector(
        Labels.selector(cluster.getMetadata().getName(), Labels.Component.HEAD).entrySet().stream()
            .map((Map.Entry<String, String> label) -> label.getKey() + "=" + label.getValue())
            .collect(joining(",")));
    return status;
  }

  private String endpoint(ResolvedSpec spec) {
    return "http://%s:%d/v1".formatted(ClusterNames.of(cluster).endpointHost(), spec.head().port());
  }

  private List<Condition> conditions(
      Verdict cause,
      Verdict model,
      Verdict workers,
      Verdict planned,
      Verdict head,
      boolean ready,
      boolean reconciling,
      boolean degraded) {
    return List.of(
        condition(ConditionType.READY, ready ? "True" : "False", cause),
        flag(ConditionType.RECONCILING, reconciling, cause, "Nothing is being changed."),
        flag(
            ConditionType.STALLED,
            cause.weight() == Weight.STALLED,
            cause,
            "Nothing waits for a person."),
        condition(ConditionType.MODEL_AVAILABLE, model.status(), model),
        condition(ConditionType.WORKERS_READY, workers.status(), workers),
        condition(ConditionType.PLANNED, planned.status(), planned),
        condition(ConditionType.HEAD_READY, head.status(), head),
        flag(ConditionType.DEGRADED, degraded, cause, "Nothing that was proven is lost."));
  }

  /** A condition that is false when all is well. */
  private Condition flag(ConditionType type, boolean on, Verdict cause, String otherwise) {
    return on ? condition(type, "True", cause) : condition(type, "False", Verdict.yes(otherwise));
  }

  private Condition condition(ConditionType type, String status, Verdict verdict) {
    return Conditions.of(
        type, status, verdict.reason(), verdict.message(), previous, generation, seen.at());
  }

  private static String lowerFirst(String sentence) {
    return sentence.substring(0, 1).toLowerCase(Locale.ROOT) + sentence.substring(1);
  }
}
