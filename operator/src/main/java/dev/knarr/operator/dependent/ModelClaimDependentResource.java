// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ClaimTemplate;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import dev.knarr.operator.dependent.ModelFiles.Storage;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaimBuilder;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.processing.dependent.Matcher;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.SecondaryToPrimaryMapper;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The claim that keeps a fetched model. It has no owner and is never deleted: hours of download lie
 * on it, and a cluster of the same name finds them again. Nor is it changed once it is there, since
 * users and provisioners may have made it larger.
 */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class ModelClaimDependentResource extends OwnedDependentResource<PersistentVolumeClaim>
    implements SecondaryToPrimaryMapper<PersistentVolumeClaim> {
  /** Called by the framework. */
  public ModelClaimDependentResource() {
    super(PersistentVolumeClaim.class, Component.MODEL);
  }

  @Override
  List<PersistentVolumeClaim> desired(Blueprint blueprint) {
    return ModelFiles.of(blueprint)
        .storage()
        .map(
            storage ->
                storage instanceof Storage.NewClaim made
                    ? List.of(desired(blueprint, made.template()))
                    : List.<PersistentVolumeClaim>of())
        .orElse(List.of());
  }

  private static PersistentVolumeClaim desired(Blueprint blueprint, ClaimTemplate template) {
    var metadata = blueprint.metadata(blueprint.names().model(), Component.MODEL);
    metadata.setOwnerReferences(List.of());
    return new PersistentVolumeClaimBuilder()
        .withMetadata(metadata)
        .withNewSpec()
        .withAccessModes(ModelFiles.accessModes(template))
        .withStorageClassName(template.getStorageClassName())
        .withNewResources()
        .addToRequests("storage", template.getSize())
        .endResources()
        .endSpec()
        .build();
  }

  @Override
  boolean owned(PersistentVolumeClaim actual, InferenceCluster cluster) {
    var labels = PodParts.or(actual.getMetadata().getLabels(), Map.<String, String>of());
    return Labels.OPERATOR.equals(labels.get(Labels.MANAGED_BY))
        && cluster.getMetadata().getName().equals(labels.get(Labels.CLUSTER));
  }

  @Override
  public Matcher.Result<PersistentVolumeClaim> match(
      PersistentVolumeClaim actual,
      PersistentVolumeClaim desired,
      InferenceCluster cluster,
      Context<InferenceCluster> context) {
    return Matcher.Result.nonComputed(true);
  }

  @Override
  boolean keeps(Blueprint blueprint, PersistentVolumeClaim actual) {
    return true;
  }

  @Override
  public Set<ResourceID> toPrimaryResourceIDs(PersistentVolumeClaim claim) {
    return ByLabel.clusters(claim);
  }
}
