// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ServiceSpec;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import java.util.List;
import java.util.Map;

/** What clients connect to. */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class EndpointServiceDependentResource extends OwnedDependentResource<Service> {
  /** Called by the framework. */
  public EndpointServiceDependentResource() {
    super(Service.class, Component.HEAD);
  }

  @Override
  List<Service> desired(Blueprint blueprint) {
    var names = blueprint.names();
    var head = blueprint.spec().head();
    var service = PodParts.or(head.spec().getService(), new ServiceSpec());
    var metadata = blueprint.metadata(names.endpoint(), Component.HEAD);
    metadata.setAnnotations(PodParts.or(service.getAnnotations(), Map.of()));
    return List.of(
        new ServiceBuilder()
            .withMetadata(metadata)
            .withNewSpec()
            .withType(head.serviceType().value())
            // There is one head, and its gateway lets requests wait while it is not ready.
            .withPublishNotReadyAddresses(true)
            .withSelector(Labels.selector(names.cluster(), Component.HEAD))
            .addNewPort()
            .withName("http")
            .withProtocol("TCP")
            .withPort(head.port())
            .withNewTargetPort("http")
            .endPort()
            .endSpec()
            .build());
  }
}
