// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudgetBuilder;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import java.util.List;

/** One pod at a time, over head and workers: the loss of any of them stops the answers. */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class DisruptionBudgetDependentResource extends OwnedDependentResource<PodDisruptionBudget> {
  /** Called by the framework. */
  public DisruptionBudgetDependentResource() {
    super(PodDisruptionBudget.class, Component.CLUSTER);
  }

  @Override
  List<PodDisruptionBudget> desired(Blueprint blueprint) {
    var names = blueprint.names();
    return List.of(
        new PodDisruptionBudgetBuilder()
            .withMetadata(blueprint.metadata(names.disruptionBudget(), Component.CLUSTER))
            .withNewSpec()
            .withNewMaxUnavailable(1)
            // A pod that is not ready serves nobody, so it must not hold up a drain.
            .withUnhealthyPodEvictionPolicy("AlwaysAllow")
            .withSelector(PodParts.serving(names.cluster()))
            .endSpec()
            .build());
  }
}
