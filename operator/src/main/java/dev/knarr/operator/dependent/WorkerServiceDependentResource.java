// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ResolvedSpec.Group;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import dev.knarr.operator.Ports;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import java.util.List;

/** The names of the workers of each group. */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class WorkerServiceDependentResource extends OwnedDependentResource<Service> {
  /** Called by the framework. */
  public WorkerServiceDependentResource() {
    super(Service.class, Component.WORKER);
  }

  @Override
  List<Service> desired(Blueprint blueprint) {
    return blueprint.spec().workers().stream().map(group -> desired(blueprint, group)).toList();
  }

  @Override
  boolean keeps(Blueprint blueprint, Service actual) {
    return blueprint.keeps(actual.getMetadata().getLabels().getOrDefault(Labels.GROUP, ""));
  }

  private static Service desired(Blueprint blueprint, Group group) {
    return new ServiceBuilder()
        .withMetadata(blueprint.groupMetadata(group.name()))
        .withNewSpec()
        .withType("ClusterIP")
        .withClusterIP("None")
        // The head looks for workers that are not ready yet, to say which it waits for.
        .withPublishNotReadyAddresses(true)
        .withSelector(Labels.groupSelector(blueprint.names().cluster(), group.name()))
        .addNewPort()
        .withName("rpc")
        .withProtocol("TCP")
        .withPort(Ports.RPC)
        .withNewTargetPort("rpc")
        .endPort()
        .endSpec()
        .build();
  }
}
