// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ResolvedSpec.Group;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.apps.StatefulSetBuilder;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import java.util.List;

/** The workers of each group. */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class WorkerStatefulSetDependentResource extends OwnedDependentResource<StatefulSet> {
  /** Called by the framework. */
  public WorkerStatefulSetDependentResource() {
    super(StatefulSet.class, Component.WORKER);
  }

  @Override
  List<StatefulSet> desired(Blueprint blueprint) {
    return blueprint.spec().workers().stream().map(group -> desired(blueprint, group)).toList();
  }

  /** A group that left the spec stays until the head has let go of its workers. */
  @Override
  boolean keeps(Blueprint blueprint, StatefulSet actual) {
    return blueprint.keeps(actual.getMetadata().getLabels().getOrDefault(Labels.GROUP, ""));
  }

  private static StatefulSet desired(Blueprint blueprint, Group group) {
    var names = blueprint.names();
    var labels = PodParts.labels(group.spec(), Labels.ofGroup(names.cluster(), group.name()));
    return new StatefulSetBuilder()
        .withMetadata(blueprint.metadata(names.group(group.name()), labels))
        .withNewSpec()
        .withServiceName(names.group(group.name()))
        .withReplicas(blueprint.workerReplicas(group))
        .withPodManagementPolicy("Parallel")
        .withRevisionHistoryLimit(2)
        // The operator deletes the pods of an older revision, all together.
        .withNewUpdateStrategy()
        .withType("OnDelete")
        .endUpdateStrategy()
        .withNewPersistentVolumeClaimRetentionPolicy()
        .withWhenDeleted("Retain")
        // A worker less needs no cache any more; a stopped cluster will want its caches back.
        .withWhenScaled(blueprint.spec().replicas() == 0 ? "Retain" : "Delete")
        .endPersistentVolumeClaimRetentionPolicy()
        .withNewSelector()
        .withMatchLabels(Labels.groupSelector(names.cluster(), group.name()))
        .endSelector()
        .withTemplate(WorkerPod.template(blueprint, group))
        .withVolumeClaimTemplates(WorkerPod.cacheClaims(blueprint, group))
        .endSpec()
        .build();
  }
}
