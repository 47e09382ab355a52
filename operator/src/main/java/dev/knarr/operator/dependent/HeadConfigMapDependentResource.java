// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import java.util.List;

/** What the head is told. */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class HeadConfigMapDependentResource extends OwnedDependentResource<ConfigMap> {
  /** Called by the framework. */
  public HeadConfigMapDependentResource() {
    super(ConfigMap.class, Component.HEAD);
  }

  @Override
  List<ConfigMap> desired(Blueprint blueprint) {
    return List.of(
        new ConfigMapBuilder()
            .withMetadata(blueprint.metadata(blueprint.names().head(), Component.HEAD))
            .addToData(HeadPod.CONFIG_FILE, HeadPod.config(blueprint).toJson())
            .build());
  }
}
