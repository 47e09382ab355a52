// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.InferenceCluster;

/** Where occurrences are told to people. Any thread. */
@FunctionalInterface
public interface Events {
  /** Tells of an occurrence. Never fails: what cannot be told is logged. */
  void publish(InferenceCluster cluster, Occurrence occurrence);
}
