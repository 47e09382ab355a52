// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.operator.Labels;
import dev.knarr.operator.OperatorConfig;
import dev.knarr.operator.Release;
import dev.knarr.operator.dependent.Blueprint;
import dev.knarr.operator.dependent.DisruptionBudgetDependentResource;
import dev.knarr.operator.dependent.EndpointServiceDependentResource;
import dev.knarr.operator.dependent.HeadConfigMapDependentResource;
import dev.knarr.operator.dependent.HeadDeploymentDependentResource;
import dev.knarr.operator.dependent.ModelClaimDependentResource;
import dev.knarr.operator.dependent.ModelConfigMapDependentResource;
import dev.knarr.operator.dependent.ModelJobDependentResource;
import dev.knarr.operator.dependent.NetworkPolicyDependentResource;
import dev.knarr.operator.dependent.PodEvents;
import dev.knarr.operator.dependent.PodMonitorDependentResource;
import dev.knarr.operator.dependent.SharedClaims;
import dev.knarr.operator.dependent.WorkerServiceDependentResource;
import dev.knarr.operator.dependent.WorkerStatefulSetDependentResource;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.ControllerConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.api.reconciler.Workflow;
import io.javaoperatorsdk.operator.api.reconciler.dependent.Dependent;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

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
          dependsOn = {"head-config"})
    })
@ControllerConfiguration(
    name = "inferencecluster",
    fieldManager = Labels.OPERATOR,
    generationAwareEventProcessing = true)
public final class InferenceClusterReconciler implements Reconciler<InferenceCluster> {
  private final OperatorConfig config;

  /** Called by the container. */
  public InferenceClusterReconciler(OperatorConfig config) {
    this.config = config;
  }

  @Override
  public List<EventSource<?, InferenceCluster>> prepareEventSources(
      EventSourceContext<InferenceCluster> context) {
    return List.of(PodEvents.source(context));
  }

  @Override
  public UpdateControl<InferenceCluster> reconcile(
      InferenceCluster cluster, Context<InferenceCluster> context) {
    var spec = ResolvedSpec.from(cluster);
    var facts =
        new Blueprint.Facts(
            spec.replicas(),
            Map.of(),
            SharedClaims.of(context.getClient(), cluster.getMetadata().getNamespace(), spec),
            config.namespace(),
            config.monitoringNamespaceLabels().orElse(List.of()).stream()
                .map(label -> label.split("=", 2))
                .collect(Collectors.toMap(label -> label[0], label -> label[1])));
    new Blueprint(cluster, spec, Release.of(config), facts).putInto(context);
    var result = context.managedWorkflowAndDependentResourceContext().reconcileManagedWorkflow();
    result.throwAggregateExceptionIfErrorsPresent();
    return UpdateControl.noUpdate();
  }
}
