// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.api.v1alpha1.SpecRules;
import dev.knarr.api.v1alpha1.TlsMode;
import dev.knarr.api.v1alpha1.Violation;
import dev.knarr.operator.ClusterNames;
import dev.knarr.operator.Labels;
import dev.knarr.operator.OperatorConfig;
import dev.knarr.operator.Ports;
import dev.knarr.operator.Release;
import dev.knarr.operator.dependent.Blueprint;
import dev.knarr.operator.dependent.DisruptionBudgetDependentResource;
import dev.knarr.operator.dependent.EndpointServiceDependentResource;
import dev.knarr.operator.dependent.HeadConfigMapDependentResource;
import dev.knarr.operator.dependent.HeadDeploymentDependentResource;
import dev.knarr.operator.dependent.ModelClaimDependentResource;
import dev.knarr.operator.dependent.ModelClaims;
import dev.knarr.operator.dependent.ModelConfigMapDependentResource;
import dev.knarr.operator.dependent.ModelJobDependentResource;
import dev.knarr.operator.dependent.NameTakenException;
import dev.knarr.operator.dependent.NetworkPolicyDependentResource;
import dev.knarr.operator.dependent.PodMonitorDependentResource;
import dev.knarr.operator.dependent.WorkerServiceDependentResource;
import dev.knarr.operator.dependent.WorkerStatefulSetDependentResource;
import dev.knarr.operator.observe.Observation;
import dev.knarr.operator.observe.Observer;
import dev.knarr.operator.observe.StatusPoller;
import dev.knarr.operator.rollout.PodRemoval;
import dev.knarr.operator.rollout.RolloutDecision;
import dev.knarr.operator.rollout.RolloutView;
import dev.knarr.operator.tls.CertificateSecrets;
import dev.knarr.operator.tls.Lifetimes;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.ControllerConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.ErrorStatusUpdateControl;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.MaxReconciliationInterval;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.RetryInfo;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.api.reconciler.Workflow;
import io.javaoperatorsdk.operator.api.reconciler.dependent.Dependent;
import io.javaoperatorsdk.operator.api.reconciler.dependent.DependentResource;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.retry.GradualRetry;
import java.net.HttpURLConnection;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Brings a cluster to what its spec asks for. */
@Workflow(
    explicitInvocation = true,
    handleExceptionsInReconciler = true,
    dependents = {
      @Dependent(name = "model-config", type = ModelConfigMapDependentResource.class),
      @Dependent(name = "model-claim", type = ModelClaimDependentResource.class),
      @Dependent(
          name = "model-job",
          type = ModelJobDependentResource.class,
          dependsOn = {"model-config", "model-claim"},
          readyPostcondition = ModelJobDependentResource.Done.class),
      @Dependent(name = "network-policies", type = NetworkPolicyDependentResource.class),
      @Dependent(name = "disruption-budget", type = DisruptionBudgetDependentResource.class),
      @Dependent(
          name = "pod-monitor",
          type = PodMonitorDependentResource.class,
          activationCondition = PodMonitorDependentResource.Served.class),
      @Dependent(name = "worker-services", type = WorkerServiceDependentResource.class),
      @Dependent(
          name = "endpoint",
          type = EndpointServiceDependentResource.class,
          useEventSourceWithName = "worker-services"),
      @Dependent(
          name = "workers",
          type = WorkerStatefulSetDependentResource.class,
          dependsOn = {"model-job", "worker-services", "network-policies"}),
      @Dependent(
          name = "head-config",
          type = HeadConfigMapDependentResource.class,
          useEventSourceWithName = "model-config",
          dependsOn = {"model-job", "network-policies"}),
      @Dependent(
          name = "head",
          type = HeadDeploymentDependentResource.class,
          dependsOn = {"head-config", "workers"})
    })
@GradualRetry(maxAttempts = -1, maxInterval = 60_000)
@ControllerConfiguration(
    name = "inferencecluster",
    fieldManager = Labels.OPERATOR,
    generationAwareEventProcessing = true,
    maxReconciliationInterval =
        @MaxReconciliationInterval(
            interval = InferenceClusterReconciler.MINUTES_AT_MOST,
            timeUnit = TimeUnit.MINUTES))
public final class InferenceClusterReconciler implements Reconciler<InferenceCluster> {
  /** How long a cluster at rest is not looked at, should an event ever be lost. */
  static final long MINUTES_AT_MOST = 10;

  /** Another writer came first, or something has just gone: what is there now is looked at. */
  private static final Duration AGAIN = Duration.ofSeconds(1);

  /** Nodes are not watched, and certificates are due some time. */
  private static final Duration WHILE_INVALID = Duration.ofSeconds(30);

  /** What an API server answers wrongly for some seconds is no news. */
  private static final int TELL_AFTER = 3;

  private static final Logger LOG = LoggerFactory.getLogger(InferenceClusterReconciler.class);

  private final OperatorConfig config;
  private final Release release;
  private final Clock clock;
  private final Observer observer;
  private final CertificateSecrets certificates;
  private final PodRemoval removal;
  private final Events events;
  private final StatusReporter reporter;

  /** Called by the container. */
  public InferenceClusterReconciler(
      OperatorConfig config,
      KubernetesClient client,
      @ConfigProperty(name = "quarkus.application.version") String version,
      @ConfigProperty(name = "hostname", defaultValue = Labels.OPERATOR) String instance) {
    this.config = config;
    this.release = Release.of(config, version);
    this.clock = Clock.systemUTC();
    this.observer =
        new Observer(new StatusPoller(Ports.MANAGEMENT, StatusPoller.Beat.DEFAULT, clock), clock);
    this.certificates = new CertificateSecrets(client, Lifetimes.of(config.tls()), clock);
    this.removal = new PodRemoval(client, config.nodeLost());
    this.events = new KubernetesEvents(client, instance, clock);
    this.reporter = new StatusReporter(events);
  }

  @Override
  public List<EventSource<?, InferenceCluster>> prepareEventSources(
      EventSourceContext<InferenceCluster> context) {
    return observer.eventSources(context);
  }

  @Override
  public UpdateControl<InferenceCluster> reconcile(
      InferenceCluster cluster, Context<InferenceCluster> context) {
    if (cluster.isMarkedForDeletion()) {
      return UpdateControl.noUpdate();
    }
    var seen = observer.observe(cluster, context);
    var violations = violations(cluster);
    if (!violations.isEmpty()) {
      return keep(cluster, violations, seen, context);
    }
    var blueprint = blueprint(cluster, seen, context);
    var byAnother = Built.byAnother(blueprint, seen);
    var problems = byAnother.isPresent() ? List.<Violation>of() : blueprint.problems();
    if (!problems.isEmpty()) {
      return keep(cluster, problems, seen, context);
    }
    var built = byAnother.orElseGet(() -> Built.of(blueprint));
    var decision =
        RolloutDecision.of(RolloutView.of(blueprint.spec(), built.workerRevisions(), seen));
    var result = apply(blueprint, built, decision, seen, context);
    var control = reporter.report(cluster, result.pass(), seen, context.resourceOperations());
    result.due().ifPresent(due -> lookAgainBy(control, due));
    return control;
  }

  @Override
  public ErrorStatusUpdateControl<InferenceCluster> updateErrorStatus(
      InferenceCluster cluster, Context<InferenceCluster> context, Exception failure) {
    if (isConflict(failure)) {
      // Somebody has changed something meanwhile, which the next pass looks at.
      return ErrorStatusUpdateControl.noStatusUpdate();
    }
    int attempt = context.getRetryInfo().map(RetryInfo::getAttemptCount).orElse(0);
    LOG.warn(
        "{}/{} could not be reconciled, attempt {}",
        cluster.getMetadata().getNamespace(),
        cluster.getMetadata().getName(),
        attempt + 1,
        failure);
    if (attempt < TELL_AFTER || !violations(cluster).isEmpty()) {
      return ErrorStatusUpdateControl.noStatusUpdate();
    }
    var notice =
        new Notice(
            ConditionReason.INTERNAL_ERROR,
            "The operator could not do what this cluster needs and tries again: %s Its log says more."
                .formatted(Refusals.rootOf(failure)));
    return ErrorStatusUpdateControl.patchStatus(
        reporter.status(cluster, Pass.refused(notice), Observation.empty(clock.instant())));
  }

  private static boolean isConflict(Exception failure) {
    return failure instanceof KubernetesClientException refusal
        && refusal.getCode() == HttpURLConnection.HTTP_CONFLICT;
  }

  private static List<Violation> violations(InferenceCluster cluster) {
    return Stream.of(SpecRules.check(cluster), SpecRules.checkKubernetes(cluster))
        .flatMap(List::stream)
        .toList();
  }

  private Blueprint blueprint(
      InferenceCluster cluster, Observation seen, Context<InferenceCluster> context) {
    var spec = ResolvedSpec.from(cluster);
    var facts =
        new Blueprint.Facts(
            spec.replicas(),
            Map.of(),
            false,
            ModelClaims.of(context.getClient(), cluster.getMetadata().getNamespace(), spec),
            seen.headWithoutModel(),
            seen.headClaims(),
            config.namespace(),
            config.monitoringNamespaceLabels().orElse(List.of()).stream()
                .map(label -> label.split("=", 2))
                .collect(Collectors.toMap(label -> label[0], label -> label[1])));
    return new Blueprint(cluster, spec, release, facts);
  }

  /**
   * What came of a pass.
   *
   * @param pass for the status
   * @param due when to look again, whatever happens
   */
  private record Result(Pass pass, Optional<Instant> due) {}

  private Result apply(
      Blueprint blueprint,
      Built built,
      RolloutDecision decision,
      Observation seen,
      Context<InferenceCluster> context) {
    var kept = attempt(() -> removeLost(blueprint.cluster(), seen));
    Optional<Instant> due = Optional.empty();
    Optional<Notice> refusal;
    try {
      due = secure(blueprint, decision, seen);
      blueprint
          .with(decision.headReplicas(), decision.workerReplicas(), built.pinned())
          .putInto(context);
      var workflow =
          context.managedWorkflowAndDependentResourceContext().reconcileManagedWorkflow();
      var failures = workflow.getErroredDependents();
      refusal = Refusals.of(failures.values());
      if (refusal.isEmpty()) {
        // What passes by itself is for the framework, which comes back after a while.
        workflow.throwAggregateExceptionIfErrorsPresent();
      }
      if (failures.keySet().stream().noneMatch(InferenceClusterReconciler::makesPods)) {
        removal.delete(seen, decision.deletePods());
      }
    } catch (NameTakenException | KubernetesClientException e) {
      refusal = Optional.of(Refusals.of(List.of(e)).orElseThrow(() -> e));
    }
    var rollout = decision.step().map(step -> new Notice(step.reason(), step.sentence()));
    var headRevision = Optional.of(built.headRevision()).filter(_ -> decision.headReplicas() > 0);
    return new Result(new Pass(List.of(), refusal.or(() -> kept), rollout, headRevision), due);
  }

  /** Why a step was refused for good, if it was. */
  private static Optional<Notice> attempt(Runnable step) {
    try {
      step.run();
      return Optional.empty();
    } catch (NameTakenException | KubernetesClientException e) {
      return Optional.of(Refusals.of(List.of(e)).orElseThrow(() -> e));
    }
  }

  /** Reports a spec that cannot be used; what runs goes on by the last one that could. */
  private UpdateControl<InferenceCluster> keep(
      InferenceCluster cluster,
      List<Violation> violations,
      Observation seen,
      Context<InferenceCluster> context) {
    // That is what a user has to know first, so a refusal is not told.
    var _ = attempt(() -> removeLost(cluster, seen));
    if (mounted(seen, ClusterNames.of(cluster).certificatesSecret())) {
      var _ = attempt(() -> renew(cluster, seen.groups()));
    }
    var control =
        reporter.report(cluster, Pass.invalid(violations), seen, context.resourceOperations());
    if (!seen.pods().isEmpty()) {
      lookAgainBy(control, clock.instant().plus(WHILE_INVALID));
    }
    return control;
  }

  private static boolean makesPods(DependentResource<?, ?> dependent) {
    return dependent instanceof WorkerStatefulSetDependentResource
        || dependent instanceof HeadDeploymentDependentResource;
  }

  private void removeLost(InferenceCluster cluster, Observation seen) {
    for (var pod : removal.deleteLost(seen)) {
      events.publish(
          cluster,
          Occurrence.of(
              Decision.POD_FORCE_DELETED,
              pod.name(),
              "Pod %s was deleted by force, since its node has not answered for %d s."
                  .formatted(pod.name(), config.nodeLost().toSeconds())));
    }
  }

  /** Makes the certificates that are due; returns when the next are. */
  private Optional<Instant> secure(
      Blueprint blueprint, RolloutDecision decision, Observation seen) {
    var cluster = blueprint.cluster();
    if (blueprint.spec().network().tls() != TlsMode.MANAGED) {
      // Pods of before may still have to mount them.
      if (!mounted(seen, ClusterNames.of(cluster).certificatesSecret())) {
        certificates.delete(cluster);
      }
      return Optional.empty();
    }
    // Groups that have gone from the spec need theirs until their pods have gone, too.
    return Optional.of(renew(cluster, decision.workerReplicas().keySet()));
  }

  private Instant renew(InferenceCluster cluster, Set<String> groups) {
    var applied = certificates.apply(cluster, groups.stream().sorted().toList());
    if (!applied.renewed().isEmpty()) {
      events.publish(
          cluster,
          Occurrence.of(
              Decision.CERTIFICATES_RENEWED, "", String.join("; ", applied.renewed()) + "."));
    }
    return applied.due();
  }

  private static boolean mounted(Observation seen, String secret) {
    return Stream.of(
            seen.pods().stream().map(Pod::getSpec),
            seen.statefulSets().stream().map(set -> set.getSpec().getTemplate().getSpec()),
            seen.deployment().stream().map(head -> head.getSpec().getTemplate().getSpec()))
        .flatMap(specs -> specs)
        .flatMap(spec -> spec.getVolumes().stream())
        .anyMatch(
            volume ->
                volume.getSecret() != null && secret.equals(volume.getSecret().getSecretName()));
  }

  private void lookAgainBy(UpdateControl<InferenceCluster> control, Instant due) {
    long millis = Math.max(AGAIN.toMillis(), Duration.between(clock.instant(), due).toMillis());
    if (millis < TimeUnit.MINUTES.toMillis(MINUTES_AT_MOST)) {
      control.rescheduleAfter(Math.min(control.getScheduleDelay().orElse(Long.MAX_VALUE), millis));
    }
  }
}
