// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ResolvedSpec;
import dev.knarr.api.v1alpha1.ResolvedSpec.Source;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The claims that a model lies on. */
public final class ModelClaims {
  private static final Set<String> SHARED = Set.of("ReadOnlyMany", "ReadWriteMany");

  private ModelClaims() {}

  /**
   * A claim that is there.
   *
   * @param uid tells it from another one that had its name
   * @param shared whether pods of any node can mount it
   */
  public record ModelClaim(String uid, boolean shared) {
    static ModelClaim of(PersistentVolumeClaim claim) {
      return new ModelClaim(
          claim.getMetadata().getUid(), ModelClaims.shared(claim.getSpec().getAccessModes()));
    }
  }

  /**
   * Reads the claims that the spec names, by their names; those that are not there are left out. By
   * then nothing depends on whether they are shared: workers start after the model has been found.
   */
  public static Map<String, ModelClaim> of(
      KubernetesClient client, String namespace, ResolvedSpec spec) {
    var model = spec.model();
    var storage = model.storage().flatMap(kept -> Optional.ofNullable(kept.getClaimName()));
    var claims = new TreeMap<String, ModelClaim>();
    Stream.of(Optional.of(model.source()), model.draft(), model.projector())
        .flatMap(Optional::stream)
        .flatMap(
            source ->
                source instanceof Source.Claim claim
                    ? Stream.of(claim.claimName())
                    : storage.stream())
        .distinct()
        .forEach(
            name ->
                Optional.ofNullable(
                        client.persistentVolumeClaims().inNamespace(namespace).withName(name).get())
                    .ifPresent(claim -> claims.put(name, ModelClaim.of(claim))));
    return claims;
  }

  /** Whether one of these modes lets pods of several nodes read. */
  static boolean shared(List<String> accessModes) {
    return !Collections.disjoint(accessModes, SHARED);
  }
}
