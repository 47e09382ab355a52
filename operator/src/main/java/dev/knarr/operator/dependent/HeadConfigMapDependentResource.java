// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What the head is told, with an entry for each revision. It is written before the Deployment,
 * which may be refused or come later: until then the entry of the head that runs stays beside the
 * new one.
 */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class HeadConfigMapDependentResource extends OwnedDependentResource<ConfigMap> {
  /** Called by the framework. */
  public HeadConfigMapDependentResource() {
    super(ConfigMap.class, Component.HEAD);
  }

  @Override
  List<ConfigMap> desired(Blueprint blueprint) {
    return List.of(
        new ConfigMapBuilder()
            .withMetadata(blueprint.metadata(blueprint.names().head(), Component.HEAD))
            .addToData(
                HeadPod.configKey(blueprint.headRevision()), HeadPod.config(blueprint).toJson())
            .build());
  }

  @Override
  public Map<String, ConfigMap> desiredResources(
      InferenceCluster cluster, Context<InferenceCluster> context) {
    var desired = super.desiredResources(cluster, context);
    var blueprint = Blueprint.of(context);
    var running =
        context
            .getSecondaryResourcesAsStream(Deployment.class)
            .map(head -> head.getSpec().getTemplate().getMetadata().getAnnotations())
            .map(annotations -> annotations.getOrDefault(Labels.REVISION, ""))
            .toList();
    var present = getSecondaryResources(cluster, context);
    if (blueprint.facts().pinned()) {
      if (present.isEmpty()) {
        // It was lost; the head of another release reads the entry of its own revision.
        desired.values().forEach(lost -> restore(running, blueprint, lost));
      }
      return desired;
    }
    present.forEach(
        (name, actual) -> {
          var wanted = desired.get(name);
          if (wanted != null) {
            keep(running.stream().map(HeadPod::configKey).toList(), actual, wanted);
          }
        });
    return desired;
  }

  private static void restore(List<String> revisions, Blueprint blueprint, ConfigMap lost) {
    lost.setData(
        revisions.stream()
            .collect(
                Collectors.toMap(
                    HeadPod::configKey, revision -> HeadPod.config(blueprint, revision).toJson())));
    AppliedState.stamp(lost);
  }

  private static void keep(List<String> keys, ConfigMap actual, ConfigMap wanted) {
    for (var key : keys) {
      var text = PodParts.or(actual.getData(), Map.<String, String>of()).get(key);
      if (text != null && wanted.getData().putIfAbsent(key, text) == null) {
        AppliedState.stamp(wanted);
      }
    }
  }
}
