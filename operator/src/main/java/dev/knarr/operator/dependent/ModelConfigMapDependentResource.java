// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import java.util.List;

/** What is fetched or checked before the model can be served. */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class ModelConfigMapDependentResource extends OwnedDependentResource<ConfigMap> {
  /** Called by the framework. */
  public ModelConfigMapDependentResource() {
    super(ConfigMap.class, Component.MODEL);
  }

  @Override
  List<ConfigMap> desired(Blueprint blueprint) {
    return List.of(
        new ConfigMapBuilder()
            .withMetadata(blueprint.metadata(blueprint.names().model(), Component.MODEL))
            .addToData(FetchPod.CONFIG_FILE, FetchPod.config(blueprint).toJson())
            .build());
  }
}
