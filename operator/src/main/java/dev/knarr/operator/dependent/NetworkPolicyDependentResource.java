// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.NetworkSpec;
import dev.knarr.api.v1alpha1.PolicyMode;
import dev.knarr.operator.Labels;
import dev.knarr.operator.Labels.Component;
import dev.knarr.operator.Ports;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyBuilder;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyIngressRule;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyIngressRuleBuilder;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyPeer;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyPeerBuilder;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyPort;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyPortBuilder;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.processing.dependent.kubernetes.KubernetesDependent;
import java.util.List;
import java.util.Map;

/** Who may connect to head, workers and what fetches the model. What they connect to is free. */
@KubernetesDependent(informer = @Informer(labelSelector = Labels.SELECTOR))
public class NetworkPolicyDependentResource extends OwnedDependentResource<NetworkPolicy> {
  private static final String NAMESPACE_NAME = "kubernetes.io/metadata.name";

  /** Called by the framework. */
  public NetworkPolicyDependentResource() {
    super(NetworkPolicy.class, Component.CLUSTER);
  }

  @Override
  List<NetworkPolicy> desired(Blueprint blueprint) {
    if (blueprint.spec().network().policy() == PolicyMode.DISABLED) {
      return List.of();
    }
    var names = blueprint.names();
    return List.of(
        policy(
            blueprint,
            names.head(),
            Component.HEAD,
            List.of(clients(blueprint), management(blueprint))),
        policy(
            blueprint,
            names.workersPolicy(),
            Component.WORKER,
            List.of(workers(blueprint), management(blueprint))),
        policy(blueprint, names.model(), Component.MODEL, List.of(management(blueprint))));
  }

  private static NetworkPolicy policy(
      Blueprint blueprint,
      String name,
      Component component,
      List<NetworkPolicyIngressRule> ingress) {
    return new NetworkPolicyBuilder()
        .withMetadata(blueprint.metadata(name, Component.CLUSTER))
        .withNewSpec()
        .withNewPodSelector()
        .withMatchLabels(Labels.selector(blueprint.names().cluster(), component))
        .endPodSelector()
        .withPolicyTypes("Ingress")
        .withIngress(ingress)
        .endSpec()
        .build();
  }

  private static NetworkPolicyIngressRule clients(Blueprint blueprint) {
    var network = PodParts.or(blueprint.cluster().getSpec().getNetwork(), new NetworkSpec());
    var clients = PodParts.or(network.getClients(), List.<NetworkPolicyPeer>of());
    return rule(clients.isEmpty() ? List.of(pods(Map.of())) : clients, List.of(port(Ports.HTTP)));
  }

  /** Head and fellow workers, which add up with each other where tensors are split. */
  private static NetworkPolicyIngressRule workers(Blueprint blueprint) {
    var cluster = blueprint.names().cluster();
    return rule(
        List.of(
            pods(Labels.selector(cluster, Component.HEAD)),
            pods(Labels.selector(cluster, Component.WORKER))),
        List.of(
            port(Ports.RPC),
            new NetworkPolicyPortBuilder(port(Ports.FIRST_LINK))
                .withEndPort(Ports.LAST_LINK)
                .build()));
  }

  /** The operator, which reads the status, and Prometheus. */
  private static NetworkPolicyIngressRule management(Blueprint blueprint) {
    var facts = blueprint.facts();
    var monitoring = namespaces(facts.monitoringLabels());
    return rule(
        facts.monitoringLabels().isEmpty()
            ? List.of(monitoring)
            : List.of(namespaces(Map.of(NAMESPACE_NAME, facts.operatorNamespace())), monitoring),
        List.of(port(Ports.MANAGEMENT)));
  }

  private static NetworkPolicyIngressRule rule(
      List<NetworkPolicyPeer> from, List<NetworkPolicyPort> ports) {
    return new NetworkPolicyIngressRuleBuilder().withFrom(from).withPorts(ports).build();
  }

  private static NetworkPolicyPeer pods(Map<String, String> labels) {
    return new NetworkPolicyPeerBuilder()
        .withNewPodSelector()
        .withMatchLabels(labels)
        .endPodSelector()
        .build();
  }

  private static NetworkPolicyPeer namespaces(Map<String, String> labels) {
    return new NetworkPolicyPeerBuilder()
        .withNewNamespaceSelector()
        .withMatchLabels(labels)
        .endNamespaceSelector()
        .build();
  }

  private static NetworkPolicyPort port(int number) {
    return new NetworkPolicyPortBuilder().withProtocol("TCP").withNewPort(number).build();
  }
}
