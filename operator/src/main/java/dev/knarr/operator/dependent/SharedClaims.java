// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.api.v1alpha1.ResolvedSpec.Source;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Which of the claims that a model lies on can be mounted by workers of any node. */
public final class SharedClaims {
  private static final Set<String> SHARED = Set.of("ReadOnlyMany", "ReadWriteMany");

  private SharedClaims() {}

  /**
   * Reads the claims that the spec names; those that are not there are not shared. By then nothing
   * depends on it: workers start after the model has been found.
   */
  public static Set<String> of(KubernetesClient client, String namespace, ResolvedSpec spec) {
    var model = spec.model();
    var storage = model.storage().flatMap(kept -> Optional.ofNullable(kept.getClaimName()));
    return Stream.of(Optional.of(model.source()), model.draft(), model.projector())
        .flatMap(Optional::stream)
        .flatMap(
            source ->
                source instanceof Source.Claim claim
                    ? Stream.of(claim.claimName())
                    : storage.stream())
        .distinct()
        .filter(name -> shared(client, namespace, name))
        .collect(Collectors.toUnmodifiableSet());
  }

  /** Whether one of these modes lets pods of several nodes read. */
  static boolean shared(List<String> accessModes) {
    return !Collections.disjoint(accessModes, SHARED);
  }

  private static boolean shared(KubernetesClient client, String namespace, String name) {
    var claim = client.persistentVolumeClaims().inNamespace(namespace).withName(name).get();
    return claim != null && shared(claim.getSpec().getAccessModes());
  }
}
