// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceBuilder;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.dependent.DependentResource;
import io.javaoperatorsdk.operator.processing.GroupVersionKind;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import io.javaoperatorsdk.operator.processing.dependent.workflow.Condition;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Tells a Prometheus operator, where there is one, what to read. */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class PodMonitorDependentResource extends OwnedDependentResource<GenericKubernetesResource> {
  private static final GroupVersionKind KIND =
      new GroupVersionKind("monitoring.coreos.com", "v1", "PodMonitor");

  /** Called by the framework. */
  public PodMonitorDependentResource() {
    super(GenericKubernetesResource.class, Component.CLUSTER);
  }

  @Override
  protected InformerEventSourceConfiguration.Builder<GenericKubernetesResource>
      informerConfigurationBuilder(EventSourceContext<InferenceCluster> context) {
    return InformerEventSourceConfiguration.from(KIND, InferenceCluster.class);
  }

  @Override
  List<GenericKubernetesResource> desired(Blueprint blueprint) {
    var names = blueprint.names();
    return List.of(
        new GenericKubernetesResourceBuilder()
            .withApiVersion(KIND.apiVersion())
            .withKind(KIND.getKind())
            .withMetadata(blueprint.metadata(names.podMonitor(), Component.CLUSTER))
            .addToAdditionalProperties("spec", spec(names.cluster()))
            .build());
  }

  private static Map<String, Object> spec(String cluster) {
    var spec = new LinkedHashMap<String, Object>();
    spec.put("selector", PodParts.serving(cluster));
    spec.put("podTargetLabels", List.of(Labels.CLUSTER, Labels.GROUP));
    spec.put(
        "podMetricsEndpoints",
        List.of(new TreeMap<>(Map.of("port", PodParts.MANAGEMENT_PORT, "path", "/metrics"))));
    return spec;
  }

  /** Met where the API server knows PodMonitors. */
  public static class Served implements Condition<GenericKubernetesResource, InferenceCluster> {
    private static final Duration ASK_EVERY = Duration.ofMinutes(1);

    private boolean served;
    private long askedNanos = System.nanoTime() - ASK_EVERY.toNanos();

    /** Called by the framework. */
    public Served() {}

    @Override
    public synchronized boolean isMet(
        DependentResource<GenericKubernetesResource, InferenceCluster> monitors,
        InferenceCluster cluster,
        Context<InferenceCluster> context) {
      long now = System.nanoTime();
      if (now - askedNanos >= ASK_EVERY.toNanos()) {
        // Discovery is open to everybody, unlike the definitions themselves.
        served = context.getClient().supports(KIND.apiVersion(), KIND.getKind());
        askedNanos = now;
      }
      return served;
    }
  }
}
