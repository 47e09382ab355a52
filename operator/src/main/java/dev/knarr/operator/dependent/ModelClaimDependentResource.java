// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ClaimTemplate;
import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import dev.knarr.operator.dependent.ModelFiles.Storage;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaimBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.processing.dependent.Matcher;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.SecondaryToPrimaryMapper;
import java.math.BigDecimal;
import java.net.HttpURLConnection;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The claim that keeps a fetched model. It has no owner and is never deleted: hours of download lie
 * on it, and a cluster of the same name finds them again. Once it is there, it is only made larger:
 * volumes do not shrink, and users may have made it larger themselves.
 */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class ModelClaimDependentResource extends OwnedDependentResource<PersistentVolumeClaim>
    implements SecondaryToPrimaryMapper<PersistentVolumeClaim> {
  private static final String SIZE = "storage";
  private static final int UNPROCESSABLE = 422;
  private static final PatchContext MERGE =
      new PatchContext.Builder()
          .withPatchType(PatchType.JSON_MERGE)
          .withFieldManager(Labels.OPERATOR)
          .build();

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
        .addToRequests(SIZE, template.getSize())
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
    // The API server lets the size of bound claims change, and of no others.
    return Matcher.Result.nonComputed(!bound(actual) || size(desired).compareTo(size(actual)) <= 0);
  }

  private static boolean bound(PersistentVolumeClaim claim) {
    return claim.getStatus() != null && "Bound".equals(claim.getStatus().getPhase());
  }

  private static BigDecimal size(PersistentVolumeClaim claim) {
    return quantity(claim).getNumericalAmount();
  }

  private static Quantity quantity(PersistentVolumeClaim claim) {
    var requests = claim.getSpec().getResources().getRequests();
    return PodParts.or(requests.get(SIZE), new Quantity("0"));
  }

  @Override
  public PersistentVolumeClaim update(
      PersistentVolumeClaim actual,
      PersistentVolumeClaim desired,
      InferenceCluster cluster,
      Context<InferenceCluster> context) {
    // Nothing but the size: others have added to the rest, and it is fixed.
    var patch =
        """
        {"metadata": {"uid": "%s"}, "spec": {"resources": {"requests": {"storage": "%s"}}}}
        """
            .formatted(actual.getMetadata().getUid(), quantity(desired));
    try {
      return context
          .resourceOperations()
          .resourcePatch(
              actual,
              claim -> context.getClient().resource(claim).patch(MERGE, patch),
              eventSource().orElseThrow());
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_FORBIDDEN && e.getCode() != UNPROCESSABLE) {
        throw e;
      }
      throw new ClaimNotResizedException(
          actual.getMetadata().getName(), quantity(actual), quantity(desired), e);
    }
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
