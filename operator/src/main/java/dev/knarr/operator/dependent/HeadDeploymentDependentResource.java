// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.DeploymentBuilder;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import java.util.List;

/** The head. */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class HeadDeploymentDependentResource extends OwnedDependentResource<Deployment> {
  /** A large model on a slow disk or network; the head itself gives up where nothing moves. */
  private static final int PROGRESS_SECONDS = 24 * 60 * 60;

  /** Called by the framework. */
  public HeadDeploymentDependentResource() {
    super(Deployment.class, Component.HEAD);
  }

  @Override
  List<Deployment> desired(Blueprint blueprint) {
    var names = blueprint.names();
    var labels =
        PodParts.labels(blueprint.spec().head().spec(), Labels.of(names.cluster(), Component.HEAD));
    return List.of(
        new DeploymentBuilder()
            .withMetadata(built(blueprint, blueprint.metadata(names.head(), labels)))
            .withNewSpec()
            .withReplicas(blueprint.facts().headReplicas())
            .withRevisionHistoryLimit(2)
            .withProgressDeadlineSeconds(PROGRESS_SECONDS)
            // Two heads would need the devices twice.
            .withNewStrategy()
            .withType("Recreate")
            .endStrategy()
            .withNewSelector()
            .withMatchLabels(Labels.selector(names.cluster(), Component.HEAD))
            .endSelector()
            .withTemplate(HeadPod.template(blueprint))
            .endSpec()
            .build());
  }

  /** It is applied last, so what it says holds for all objects of the cluster. */
  private static ObjectMeta built(Blueprint blueprint, ObjectMeta metadata) {
    return metadata
        .edit()
        .addToAnnotations(Labels.RELEASE, blueprint.releaseId())
        .addToAnnotations(
            Labels.GENERATION, String.valueOf(blueprint.cluster().getMetadata().getGeneration()))
        .build();
  }
}
