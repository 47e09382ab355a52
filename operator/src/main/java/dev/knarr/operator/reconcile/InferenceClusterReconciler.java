// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.InferenceCluster;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.ControllerConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;

/** Brings a cluster to what its spec asks for. */
@ControllerConfiguration(name = "inferencecluster", generationAwareEventProcessing = true)
public final class InferenceClusterReconciler implements Reconciler<InferenceCluster> {
  /** Called by the container. */
  public InferenceClusterReconciler() {}

  @Override
  public UpdateControl<InferenceCluster> reconcile(
      InferenceCluster cluster, Context<InferenceCluster> context) {
    return UpdateControl.noUpdate();
  }
}
