// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.dependent.DependentResource;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import io.javaoperatorsdk.operator.processing.dependent.workflow.Condition;
import java.time.Duration;
import java.util.List;

/** Tells a Prometheus operator, where there is one, what to read. */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class PodMonitorDependentResource extends OwnedDependentResource<PodMonitor> {
  /** Called by the framework. */
  public PodMonitorDependentResource() {
    super(PodMonitor.class, Component.CLUSTER);
  }

  @Override
  List<PodMonitor> desired(Blueprint blueprint) {
    var names = blueprint.names();
    var endpoint = new PodMonitor.Endpoint();
    endpoint.setPort(PodParts.MANAGEMENT_PORT);
    endpoint.setPath("/metrics");
    var spec = new PodMonitor.Spec();
    spec.setSelector(PodParts.serving(names.cluster()));
    spec.setPodTargetLabels(List.of(Labels.CLUSTER, Labels.GROUP));
    spec.setPodMetricsEndpoints(List.of(endpoint));
    var monitor = new PodMonitor();
    monitor.setMetadata(blueprint.metadata(names.podMonitor(), Component.CLUSTER));
    monitor.setSpec(spec);
    return List.of(monitor);
  }

  /** Met where the API server knows PodMonitors. */
  public static class Served implements Condition<PodMonitor, InferenceCluster> {
    private static final Duration ASK_EVERY = Duration.ofMinutes(1);

    private boolean served;
    private long askedNanos = System.nanoTime() - ASK_EVERY.toNanos();

    /** Called by the framework. */
    public Served() {}

    @Override
    public synchronized boolean isMet(
        DependentResource<PodMonitor, InferenceCluster> monitors,
        InferenceCluster cluster,
        Context<InferenceCluster> context) {
      long now = System.nanoTime();
      if (now - askedNanos >= ASK_EVERY.toNanos()) {
        // Discovery is open to everybody, unlike the definitions themselves.
        served = context.getClient().supports(PodMonitor.class);
        askedNanos = now;
      }
      return served;
    }
  }
}
