// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.ApiWords;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.client.KubernetesClientException;

/** The API server does not let the model's claim become larger. */
public final class ClaimNotResizedException extends RefusedException {
  private static final long serialVersionUID = 1L;

  ClaimNotResizedException(
      String claim, Quantity from, Quantity to, KubernetesClientException refused) {
    super(
        ConditionReason.API_REFUSED,
        "Claim %s cannot be made larger, from %s to %s: %s. Put storage.claim.size back to %s, or let its storage class expand volumes (allowVolumeExpansion), or name a claim that is large enough in storage.claimName."
            .formatted(claim, from, to, ApiWords.of(refused), from),
        refused);
  }
}
