// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import io.fabric8.kubernetes.api.model.Pod;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;

/** The pods of all clusters: what happens to one is looked at by its cluster. */
public final class PodEvents {
  /** The name of the event source. */
  public static final String NAME = "pods";

  private PodEvents() {}

  /** Watches pods by the label of all that the operator makes. */
  public static InformerEventSource<Pod, InferenceCluster> source(
      EventSourceContext<InferenceCluster> context) {
    return new InformerEventSource<>(
        InformerEventSourceConfiguration.from(Pod.class, InferenceCluster.class)
            .withName(NAME)
            .withLabelSelector(Labels.SELECTOR)
            .withSecondaryToPrimaryMapper(ByLabel::clusters)
            .build(),
        context);
  }
}
