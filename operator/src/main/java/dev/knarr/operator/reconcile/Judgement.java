// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static java.util.stream.Collectors.joining;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.ConditionType;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.operator.ClusterNames;
import dev.knarr.operator.observe.Answer;
import dev.knarr.operator.observe.FetchAnswer;
import dev.knarr.operator.observe.Finding;
import dev.knarr.operator.observe.HeadAnswer;
import dev.knarr.operator.observe.Observation;
import dev.knarr.operator.observe.Part;
import dev.knarr.operator.observe.PodDiagnosis;
import dev.knarr.operator.observe.PodView;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobCondition;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What is thought of each part of a cluster whose spec is valid, from what was observed. Immutable.
 */
final class Judgement {
  /** A container that runs for so long and is not reached is no longer just starting. */
  private static final Duration STARTS_WITHIN = Duration.ofSeconds(30);

  /** As long may a worker take until it answers the head. */
  private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(10);

  private final InferenceCluster cluster;
  private final ResolvedSpec spec;
  private final Pass pass;
  private final Observation seen;
  private final List<Finding> findings;
  private final Optional<HeadAnswer> head;

  Judgement(InferenceCluster cluster, ResolvedSpec spec, Pass pass, Observation seen) {
    this.cluster = cluster;
    this.spec = spec;
    this.pass = pass;
    this.seen = seen;
    this.findings = PodDiagnosis.diagnose(seen);
    this.head = seen.head().filter(this::current);
  }

  /** Whether this head runs what the spec asks for now. */
  private boolean current(HeadAnswer answer) {
    var identity = answer.identity();
    return identity != null
        && pass.headRevision().filter(wanted -> wanted.equals(identity.revision())).isPresent();
  }

  /** What the head of the wanted revision says. */
  Optional<HeadAnswer> head() {
    return head;
  }

  boolean stopped() {
    return spec.replicas() == 0;
  }

  /** Workers of the spec that the head has proven. */
  long proven() {
    return head.stream()
        .flatMap(answer -> answer.workers().stream())
        .filter(worker -> worker.proven() && spec.workerNames().contains(worker.name()))
        .count();
  }

  /** Whether the head itself says that something it had is lost. */
  boolean lost() {
    return head.filter(
            answer ->
                answer.reduced()
                    || answer.workers().stream().anyMatch(HeadAnswer.Worker::lost)
                    || answer.phase().equals("WaitingForWorkers")
                    || answer.phase().equals("Restarting"))
        .isPresent();
  }

  /** Whether a container of head or workers runs or has run. */
  boolean anythingRuns() {
    return Stream.of(Part.WORKER, Part.HEAD)
        .flatMap(part -> seen.podsOf(part).stream())
        .anyMatch(PodView::started);
  }

  /** Whether pods of head or workers exist. */
  boolean anyPods() {
    return !seen.podsOf(Part.WORKER).isEmpty() || !seen.podsOf(Part.HEAD).isEmpty();
  }

  Verdict model() {
    var found = finding(Part.MODEL).or(this::fetchInHead);
    if (found.isPresent()) {
      return found.get();
    }
    var missed = head.filter(HeadAnswer::missesModel);
    if (missed.isPresent() && !brought()) {
      return Verdict.no(
          Verdict.Weight.STALLED, missed.get().reason(), Sentence.of(missed.get().message()));
    }
    if (head.filter(answer -> !answer.phase().equals("Starting") && !answer.missesModel())
            .isPresent()
        || seen.modelJob().filter(Judgement::complete).isPresent()
        || fetchedInHead()) {
      return Verdict.yes("The files of model %s are there.".formatted(spec.model().name()));
    }
    if (seen.fetch().isPresent()) {
      return fetching(seen.fetch().get());
    }
    return seen.modelJob()
        .map(this::unfinished)
        .or(() -> stopped() ? Optional.of(stoppedVerdict()) : Optional.empty())
        .or(
            () ->
                seen.headPod()
                    .flatMap(pod -> pod.container("fetch").map(_ -> pod))
                    .map(
                        pod ->
                            Verdict.progress(
                                ConditionReason.MODEL_FETCHING,
                                "The fetch of the model starts in pod %s.".formatted(pod.name()))))
        .orElseGet(
            () ->
                Verdict.waiting(
                    ConditionReason.WAITING, "Nothing has looked for the model's files yet."));
  }

  /** Whether a Job is about to bring the model, perhaps since the head has missed it. */
  private boolean brought() {
    return seen.modelJob().filter(job -> !complete(job)).isPresent();
  }

  /** With an emptyDir the model is fetched in the head's pod. */
  private Optional<Verdict> fetchInHead() {
    return findings.stream()
        .filter(finding -> finding.part() == Part.HEAD && ofFetch(finding))
        .findFirst()
        .map(finding -> Verdict.of(finding, finding.message()));
  }

  private static boolean ofFetch(Finding finding) {
    return switch (finding.reason()) {
      case MODEL_NOT_FOUND,
          MODEL_ACCESS_DENIED,
          MODEL_CHECKSUM_MISMATCH,
          MODEL_NO_SPACE,
          MODEL_SERVER_UNREACHABLE,
          MODEL_UNREADABLE ->
          true;
      default -> false;
    };
  }

  private boolean fetchedInHead() {
    return seen.headPod()
        .flatMap(pod -> pod.container("fetch"))
        .filter(
            fetch ->
                fetch.getState() != null
                    && fetch.getState().getTerminated() != null
                    && Objects.equals(fetch.getState().getTerminated().getExitCode(), 0))
        .isPresent();
  }

  private static Verdict fetching(FetchAnswer fetch) {
    var reason = fetch.reason().isEmpty() ? "ModelFetching" : fetch.reason();
    if (fetch.failed()) {
      var weight =
          ConditionReason.of(reason).filter(Reasons::permanent).isPresent()
              ? Verdict.Weight.STALLED
              : Verdict.Weight.PROBLEM;
      return Verdict.no(weight, reason, fetch.message());
    }
    var weight = Reasons.fetching(reason) ? Verdict.Weight.PROGRESS : Verdict.Weight.PROBLEM;
    var total = fetch.totalBytes() > 0 ? " of " + HumanUnits.binary(fetch.totalBytes()) : "";
    return Verdict.no(
        weight,
        reason,
        weight == Verdict.Weight.PROBLEM
            ? fetch.message()
            : "%s: %d %%%s."
                .formatted(
                    reason.equals(ConditionReason.MODEL_VERIFYING.value())
                        ? "The model's files are checked"
                        : "The model is fetched",
                    fetch.percent(),
                    total));
  }

  private static boolean complete(Job job) {
    return condition(job, "Complete").isPresent();
  }

  private static Optional<JobCondition> condition(Job job, String type) {
    return Optional.ofNullable(job.getStatus()).stream()
        .flatMap(status -> status.getConditions().stream())
        .filter(c -> type.equals(c.getType()) && "True".equals(c.getStatus()))
        .findFirst();
  }

  private Verdict unfinished(Job job) {
    var name = job.getMetadata().getName();
    var failed = condition(job, "Failed");
    if (failed.isPresent()) {
      // Its pods, which knew more, may be gone by now.
      return previous(ConditionType.MODEL_AVAILABLE)
          .filter(before -> "False".equals(before.getStatus()))
          .filter(before -> !Reasons.fetching(before.getReason()))
          .map(
              before -> Verdict.no(Verdict.Weight.STALLED, before.getReason(), before.getMessage()))
          .orElseGet(
              () ->
                  Verdict.stalled(
                      ConditionReason.CONTAINER_CRASHES,
                      "Job %s, which brings the model, has given up: %s Delete the Job to try again."
                          .formatted(name, failed.get().getMessage())));
    }
    return Verdict.progress(
        ConditionReason.MODEL_FETCHING,
        "Job %s, which brings or checks the model, is starting.".formatted(name));
  }

  Verdict workers() {
    if (stopped()) {
      return stoppedVerdict();
    }
    var found = finding(Part.WORKER);
    if (found.isPresent()) {
      return found.get();
    }
    var names = spec.workerNames();
    if (head.isEmpty()) {
      return workersWithoutHead(names);
    }
    var answer = head.get();
    var inTrouble = names.stream().flatMap(name -> trouble(name, answer).stream()).findFirst();
    if (inTrouble.isPresent()) {
      return inTrouble.get();
    }
    if (answer.failed() && Reasons.ofWorkers(answer.reason())) {
      return Verdict.no(Verdict.Weight.STALLED, answer.reason(), answer.message());
    }
    var missing = names.stream().filter(name -> !proven(name, answer)).toList();
    return missing.isEmpty()
        ? Verdict.yes(
            names.size() == 1
                ? "The worker has computed on each of its devices."
                : "All %d workers have computed on each of their devices.".formatted(names.size()))
        : Verdict.progress(
            ConditionReason.WORKERS_STARTING,
            "%d of %d workers are proven. Waiting for %s."
                .formatted(names.size() - missing.size(), names.size(), list(missing)));
  }

  private static boolean proven(String worker, HeadAnswer answer) {
    return answer.workers().stream().anyMatch(each -> each.name().equals(worker) && each.proven());
  }

  /** A worker that is lost, or runs and does not answer the head. */
  private Optional<Verdict> trouble(String name, HeadAnswer answer) {
    return answer.workers().stream()
        .filter(worker -> worker.name().equals(name))
        .findFirst()
        .flatMap(
            worker -> {
              var words = Objects.requireNonNullElse(worker.message(), "");
              if (worker.lost()) {
                return Optional.of(
                    Verdict.problem(
                        ConditionReason.WORKER_LOST,
                        naming(name, words.isEmpty() ? "It does not answer any more." : words)));
              }
              return worker.proven() || words.isEmpty() || !runsForLong(name)
                  ? Optional.empty()
                  : Optional.of(
                      Verdict.problem(ConditionReason.WORKER_UNREACHABLE, naming(name, words)));
            });
  }

  /** The head's words, with the pod behind the worker's name. */
  private String naming(String worker, String words) {
    var pod = ClusterNames.of(cluster).pod(worker);
    return "Worker %s (pod %s): %s See kubectl logs -n %s %s."
        .formatted(worker, pod, Sentence.of(words), cluster.getMetadata().getNamespace(), pod);
  }

  private boolean runsForLong(String worker) {
    var pod = ClusterNames.of(cluster).pod(worker);
    return seen.podsOf(Part.WORKER).stream()
        .filter(each -> each.name().equals(pod))
        .anyMatch(
            each ->
                each.pod().getStatus() != null
                    && each.pod().getStatus().getContainerStatuses().stream()
                        .anyMatch(
                            c ->
                                each.runsSince(c.getName())
                                    .filter(at -> at.plus(ANSWERS_WITHIN).isBefore(seen.at()))
                                    .isPresent()));
  }

  private Verdict workersWithoutHead(List<String> names) {
    if (names.isEmpty()) {
      return Verdict.yes("The spec asks for no workers.");
    }
    if (seen.head().isPresent()) {
      return oldHead();
    }
    var ending = seen.headPod().isEmpty() ? endingHead() : Optional.<Verdict>empty();
    if (ending.isPresent()) {
      return ending.get();
    }
    var running = seen.podsOf(Part.WORKER).stream().filter(PodView::started).count();
    return seen.podsOf(Part.WORKER).isEmpty()
        ? Verdict.waiting(ConditionReason.WAITING, "Workers start when the model is there.")
        : Verdict.progress(
            ConditionReason.WORKERS_STARTING,
            "%d of %d workers run; the head has not proven them yet."
                .formatted(running, names.size()));
  }

  /** A changed head comes after the one of before has finished. */
  private Optional<Verdict> endingHead() {
    return seen.podsOf(Part.HEAD).stream()
        .filter(pod -> pod.deleting() && !pod.ended())
        .findFirst()
        .map(
            pod ->
                Verdict.progress(
                    ConditionReason.DRAINING,
                    "Pod %s of the head finishes its answers, which may take %d s; then the next one starts."
                        .formatted(pod.name(), spec.head().drainSeconds())));
  }

  Verdict planned() {
    if (stopped()) {
      return stoppedVerdict();
    }
    if (head.isEmpty()) {
      return previous(ConditionType.PLANNED)
          .filter(before -> "True".equals(before.getStatus()))
          .map(before -> Verdict.yes(before.getMessage()))
          .orElseGet(Judgement::notPlanned);
    }
    var answer = head.get();
    if (answer.failed() && Reasons.ofPlan(answer.reason())) {
      return Verdict.no(Verdict.Weight.STALLED, answer.reason(), answer.message());
    }
    var plan = answer.plan();
    return plan == null
        ? notPlanned()
        : Verdict.yes(
            "The layers are on %s."
                .formatted(
                    list(plan.devices().stream().map(HeadAnswer.PlannedDevice::name).toList())));
  }

  private static Verdict notPlanned() {
    return Verdict.waiting(
        ConditionReason.WAITING, "The plan is made when all workers are proven.");
  }

  Verdict headReady() {
    if (stopped()) {
      return stoppedVerdict();
    }
    var found = finding(Part.HEAD);
    if (found.isPresent()) {
      return found.get();
    }
    if (head.filter(HeadAnswer::missesModel).isPresent() && brought()) {
      return Verdict.waiting(
          ConditionReason.WAITING, "The head tries again when the model's files are there.");
    }
    if (head.isPresent()) {
      var verdict = HeadVerdict.of(head.get());
      return verdict.fine() && seen.headPod().filter(PodView::ready).isEmpty()
          ? Verdict.progress(
              ConditionReason.HEAD_STARTING,
              "llama-server has loaded the model; Kubernetes has not seen yet that its pod is ready.")
          : verdict;
    }
    if (seen.head().isPresent()) {
      return oldHead();
    }
    var pod = seen.headPod();
    if (pod.isEmpty()) {
      var ending = endingHead();
      if (ending.isPresent()) {
        return ending.get();
      }
      return Verdict.waiting(ConditionReason.WAITING, "The head starts when the model is there.");
    }
    if (seen.headAnswer().orElse(null) instanceof Answer.Silence silence
        && (silence.everAnswered() || runsForLong(pod.get()))) {
      return Verdict.problem(
          ConditionReason.HEAD_UNREACHABLE,
          "%s See kubectl logs -n %s %s; policies must let the operator reach port 9052 of the pod."
              .formatted(
                  silence.sentence(), cluster.getMetadata().getNamespace(), pod.get().name()));
    }
    return Verdict.progress(
        ConditionReason.HEAD_STARTING,
        "Pod %s of the head is starting.".formatted(pod.get().name()));
  }

  private boolean runsForLong(PodView pod) {
    return pod.runsSince("head")
        .filter(at -> at.plus(STARTS_WITHIN).isBefore(seen.at()))
        .isPresent();
  }

  private static Verdict oldHead() {
    return Verdict.progress(
        ConditionReason.ROLLING_OUT, "The head still runs an earlier revision of the spec.");
  }

  private static Verdict stoppedVerdict() {
    return Verdict.no(
        Verdict.Weight.WAITING,
        ConditionReason.STOPPED.value(),
        "The spec asks for no replicas. Set replicas to 1 to start.");
  }

  /** The first trouble with pods of a part, and who else has the same. */
  private Optional<Verdict> finding(Part part) {
    var ofPart = findings.stream().filter(finding -> finding.part() == part).toList();
    if (ofPart.isEmpty()) {
      return Optional.empty();
    }
    var first = ofPart.getFirst();
    var others =
        ofPart.stream()
            .skip(1)
            .filter(finding -> finding.reason() == first.reason())
            .map(Finding::subject)
            .filter(subject -> !subject.equals(first.subject()))
            .toList();
    return Optional.of(
        Verdict.of(
            first,
            others.isEmpty()
                ? first.message()
                : "%s The same goes for %s.".formatted(first.message(), list(others))));
  }

  private Optional<Condition> previous(ConditionType type) {
    return Conditions.find(cluster.getStatus(), type)
        .filter(
            condition ->
                Objects.equals(
                    condition.getObservedGeneration(), cluster.getMetadata().getGeneration()));
  }

  private static String list(List<String> names) {
    var shown = 4;
    return names.size() <= shown
        ? String.join(", ", names)
        : names.stream().limit(shown).collect(joining(", "))
            + " and %d more".formatted(names.size() - shown);
  }
}
