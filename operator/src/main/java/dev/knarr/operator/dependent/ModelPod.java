// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.PlacementSpec;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import io.fabric8.kubernetes.api.model.Affinity;
import io.fabric8.kubernetes.api.model.AffinityBuilder;
import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.api.model.LabelSelectorBuilder;
import io.fabric8.kubernetes.api.model.PodAffinity;
import io.fabric8.kubernetes.api.model.PodAffinityBuilder;
import io.fabric8.kubernetes.api.model.PodSpecBuilder;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceRequirements;
import io.fabric8.kubernetes.api.model.ResourceRequirementsBuilder;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.WeightedPodAffinityTerm;
import java.util.ArrayList;
import java.util.Objects;

/** The pod of the model's Job. Pure functions. */
final class ModelPod {
  /** Of its own: it is to find room beside a head that has filled its node. */
  private static final ResourceRequirements RESOURCES =
      new ResourceRequirementsBuilder()
          .addToRequests("cpu", new Quantity("100m"))
          .addToRequests("memory", new Quantity("128Mi"))
          // A heap of 256 MiB and what a JVM takes besides; there are quotas that demand limits.
          .addToLimits("cpu", new Quantity("1"))
          .addToLimits("memory", new Quantity("512Mi"))
          .build();

  private static final int STRONGEST = 100;

  private ModelPod() {}

  static PodTemplateSpec template(Blueprint blueprint) {
    var cluster = blueprint.names().cluster();
    var volumes = new ArrayList<Volume>();
    volumes.add(PodParts.tmp());
    volumes.addAll(FetchPod.volumes(blueprint));
    volumes.addAll(ModelFiles.of(blueprint).volumes(blueprint));
    return PodParts.template(
        blueprint,
        Labels.of(cluster, Component.MODEL),
        Labels.selector(cluster, Component.MODEL),
        place(blueprint),
        new PodSpecBuilder()
            .withContainers(FetchPod.container(blueprint, RESOURCES))
            .withRestartPolicy("OnFailure")
            .withVolumes(volumes)
            .build());
  }

  /** Where the head is, or will be. */
  private static PlacementSpec place(Blueprint blueprint) {
    var place = PodParts.place(blueprint.spec().head().spec());
    boolean shared = ModelFiles.of(blueprint).areShared(blueprint);
    boolean beside = !shared && mountsWhatTheHeadMounts(blueprint);
    if (!beside && place.getAffinity() == null) {
      return place;
    }
    var affinity = new AffinityBuilder(PodParts.or(place.getAffinity(), new Affinity()));
    if (affinity.hasPodAffinity()) {
      affinity.withPodAffinity(wished(affinity.buildPodAffinity()));
    }
    if (beside) {
      affinity
          .editOrNewPodAffinity()
          .addNewRequiredDuringSchedulingIgnoredDuringExecution()
          .withLabelSelector(besideHead(blueprint.names().cluster()))
          .withTopologyKey("kubernetes.io/hostname")
          .endRequiredDuringSchedulingIgnoredDuringExecution()
          .endPodAffinity();
    }
    place.setAffinity(affinity.build());
    return place;
  }

  private static boolean mountsWhatTheHeadMounts(Blueprint blueprint) {
    return ModelFiles.of(blueprint).volumes(blueprint).stream()
        .map(Volume::getPersistentVolumeClaim)
        .filter(Objects::nonNull)
        .anyMatch(claim -> blueprint.facts().headClaims().contains(claim.getClaimName()));
  }

  /** Pods that a head wants to be with may be its workers, which come after the model. */
  private static PodAffinity wished(PodAffinity head) {
    var wished = new ArrayList<>(head.getPreferredDuringSchedulingIgnoredDuringExecution());
    head.getRequiredDuringSchedulingIgnoredDuringExecution()
        .forEach(term -> wished.add(new WeightedPodAffinityTerm(term, STRONGEST)));
    return new PodAffinityBuilder()
        .withPreferredDuringSchedulingIgnoredDuringExecution(wished)
        .build();
  }

  /**
   * The volume of a head that runs can often be mounted on its node only. Where no head runs, this
   * must not keep the pod from any node: the scheduler asks nothing of the first pod of those that
   * a selector means, so the selector means this pod, too.
   */
  private static LabelSelector besideHead(String cluster) {
    return new LabelSelectorBuilder()
        .addToMatchLabels(Labels.INSTANCE, cluster)
        .addToMatchLabels(Labels.CLUSTER, cluster)
        .addNewMatchExpression()
        .withKey(Labels.COMPONENT)
        .withOperator("In")
        .withValues(Component.HEAD.value(), Component.MODEL.value())
        .endMatchExpression()
        .build();
  }
}
