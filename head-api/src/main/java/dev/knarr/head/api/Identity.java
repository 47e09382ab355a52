// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import org.jspecify.annotations.Nullable;

/**
 * For whom something runs: a part of its configuration on Kubernetes. Immutable.
 *
 * @param clusterUid the UID of the InferenceCluster
 * @param revision a hash of all that was asked for when this was written
 */
public record Identity(String clusterUid, String revision) {

  /** The environment variable of a pod that names its own UID. */
  public static final String POD_UID_VARIABLE = "KNARR_POD_UID";

  /** Checks that both are there. */
  public Identity {
    Checks.required("clusterUid", clusterUid);
    Checks.required("revision", revision);
  }

  /** Returns what the pod of this UID says of itself. */
  public PodIdentity in(@Nullable String podUid) {
    return new PodIdentity(clusterUid, revision, podUid);
  }
}
