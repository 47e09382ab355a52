// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.Ignore;
import io.javaoperatorsdk.operator.api.reconciler.dependent.GarbageCollected;
import io.javaoperatorsdk.operator.processing.dependent.BulkDependentResource;
import io.javaoperatorsdk.operator.processing.dependent.BulkUpdater;
import io.javaoperatorsdk.operator.processing.dependent.Creator;
import io.javaoperatorsdk.operator.processing.dependent.Matcher;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependentResource;
import java.net.HttpURLConnection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Objects of one part of a cluster, as many as there happen to be: they are applied by one field
 * manager, repaired, and deleted when they are no longer wanted. What has the name but not the
 * owner is left alone.
 *
 * @param <R> their type
 */
@Ignore
public abstract class OwnedDependentResource<R extends HasMetadata>
    extends KubernetesDependentResource<R, InferenceCluster>
    implements Creator<R, InferenceCluster>,
        BulkUpdater<R, InferenceCluster>,
        BulkDependentResource<R, InferenceCluster, String>,
        GarbageCollected<InferenceCluster> {
  private static final PatchContext APPLY =
      new PatchContext.Builder()
          .withPatchType(PatchType.SERVER_SIDE_APPLY)
          .withFieldManager(Labels.OPERATOR)
          .withForce(true)
          .build();

  private final Labels.Component component;

  OwnedDependentResource(Class<R> type, Labels.Component component) {
    super(type);
    this.component = component;
  }

  /** What there has to be. */
  abstract List<R> desired(Blueprint blueprint);

  /** What its objects are made from. */
  Blueprint blueprint(InferenceCluster cluster, Context<InferenceCluster> context) {
    return Blueprint.of(context);
  }

  /** Whether an object that is not desired stays for now. */
  boolean keeps(Blueprint blueprint, R actual) {
    return false;
  }

  /** Whether another release might give the same thing another name. */
  boolean isNamedByContent() {
    return false;
  }

  /** Whether an object belongs to this cluster. */
  boolean owned(R actual, InferenceCluster cluster) {
    var uid = cluster.getMetadata().getUid();
    return actual.getMetadata().getOwnerReferences().stream()
        .anyMatch(owner -> owner.getUid().equals(uid));
  }

  @Override
  public Map<String, R> desiredResources(
      InferenceCluster cluster, Context<InferenceCluster> context) {
    var resources = new LinkedHashMap<String, R>();
    var blueprint = blueprint(cluster, context);
    for (var resource : desired(blueprint)) {
      resources.put(resource.getMetadata().getName(), AppliedState.stamp(resource));
    }
    // What is there stays as a release of before has made it; what is missing is made by this one.
    if (blueprint.facts().pinned()) {
      var present = getSecondaryResources(cluster, context);
      if (isNamedByContent() && !present.isEmpty()) {
        return present;
      }
      resources.putAll(present);
    }
    return resources;
  }

  @Override
  public Map<String, R> getSecondaryResources(
      InferenceCluster cluster, Context<InferenceCluster> context) {
    return context
        .getSecondaryResourcesAsStream(resourceType())
        .filter(actual -> owned(actual, cluster))
        .filter(
            actual ->
                component.value().equals(actual.getMetadata().getLabels().get(Labels.COMPONENT)))
        .collect(Collectors.toMap(actual -> actual.getMetadata().getName(), actual -> actual));
  }

  @Override
  public Matcher.Result<R> match(
      R actual, R desired, InferenceCluster cluster, Context<InferenceCluster> context) {
    return Matcher.Result.computed(
        Blueprint.of(context).facts().pinned() || AppliedState.holds(actual, desired), desired);
  }

  @Override
  public R create(R desired, InferenceCluster cluster, Context<InferenceCluster> context) {
    // With any version, apply is refused where the object exists: nobody's is ever adopted.
    desired.getMetadata().setResourceVersion("1");
    try {
      return apply(desired, context);
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
        throw e;
      }
      var actual = context.getClient().resource(desired).get();
      if (actual == null) {
        throw e; // It has just gone; the next pass makes ours.
      }
      if (!owned(actual, cluster)) {
        throw NameTakenException.of(actual);
      }
      // Ours: made a moment ago, or without the label that it is watched by.
      desired.getMetadata().setResourceVersion(null);
      return AppliedState.holds(actual, desired)
          ? actual
          : update(actual, desired, cluster, context);
    }
  }

  @Override
  public R update(
      R actual, R desired, InferenceCluster cluster, Context<InferenceCluster> context) {
    // Refused where another object has taken the name since this one was read.
    desired.getMetadata().setUid(actual.getMetadata().getUid());
    return apply(desired, context);
  }

  private R apply(R desired, Context<InferenceCluster> context) {
    ImageVolumes.require(context.getClient(), desired, APPLY);
    return context
        .resourceOperations()
        .resourcePatch(
            desired,
            resource -> context.getClient().resource(resource).patch(APPLY),
            eventSource().orElseThrow());
  }

  @Override
  public void deleteTargetResource(
      InferenceCluster cluster, R actual, String name, Context<InferenceCluster> context) {
    if (actual.isMarkedForDeletion() || keeps(Blueprint.of(context), actual)) {
      return;
    }
    context
        .getClient()
        .resource(actual)
        .lockResourceVersion(actual.getMetadata().getResourceVersion())
        .delete();
  }
}
