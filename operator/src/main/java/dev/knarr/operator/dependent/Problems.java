// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.Backend;
import dev.knarr.api.v1alpha1.PlacementSpec;
import dev.knarr.api.v1alpha1.Violation;
import io.fabric8.kubernetes.api.model.Volume;
import java.util.Collection;
import java.util.List;
import java.util.Locale;

/** What is said about a cluster that keeps the rules and still cannot be built. */
final class Problems {
  static final String NO_WORKER =
      "The groups have no replica between them, and nothing would hold the model. Set replicas of one to 1 or more.";

  private Problems() {}

  static String noImage(Backend backend) {
    return "This operator has no image for workers with %s. Set image in the group, or images.worker%s in the operator's chart."
        .formatted(
            backend.value(),
            backend.name().charAt(0) + backend.name().substring(1).toLowerCase(Locale.ROOT));
  }

  /** The user's volumes that have a name of ours. */
  static List<Violation> takenVolumes(
      String field, PlacementSpec placement, Collection<String> ours) {
    return PodParts.or(placement.getVolumes(), List.<Volume>of()).stream()
        .map(Volume::getName)
        .filter(ours::contains)
        .map(
            name ->
                new Violation(
                    field + ".volumes",
                    "A volume is named %s, as Knarr's own is. Rename it.".formatted(name)))
        .toList();
  }
}
