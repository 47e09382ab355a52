// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the API for what no informer keeps, since it matters only when something is wrong. One look
 * makes a bounded number of requests. One thread.
 */
final class Lookups {
  private static final Logger LOG = LoggerFactory.getLogger(Lookups.class);

  /** After this a pod that is not ready gives reason to look at its node. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** Objects of one kind in one look, where it is enough to name some that are in trouble. */
  private static final int MOST = 8;

  private final KubernetesClient client;
  private final String namespace;
  private final List<PodView> pods;

  Lookups(KubernetesClient client, String namespace, Observation seen) {
    this.client = client;
    this.namespace = namespace;
    this.pods = seen.pods().stream().map(PodView::new).toList();
  }

  /**
   * The nodes of pods that are not ready for no reason of their own: all of them, at most one for
   * each pod, since pods of a node that is not looked at would never be removed.
   */
  Map<String, NodeState> nodes(Observation seen) {
    var nodes = new LinkedHashMap<String, NodeState>();
    pods.stream()
        .filter(pod -> pod.nodeInDoubt(seen.at(), PATIENCE))
        .flatMap(pod -> pod.node().stream())
        .distinct()
        .forEach(
            name ->
                allowed(() -> client.nodes().withName(name).get())
                    .map(node -> node.map(NodeState::of).orElseGet(() -> NodeState.gone(name)))
                    .ifPresent(node -> nodes.put(name, node)));
    return nodes;
  }

  /** The claims of pods that have no node yet. */
  Map<String, Optional<PersistentVolumeClaim>> claims() {
    var claims = new LinkedHashMap<String, Optional<PersistentVolumeClaim>>();
    pods.stream()
        .filter(pod -> pod.node().isEmpty() && !pod.deleting())
        .flatMap(PodDiagnosis::claimsOf)
        .distinct()
        .limit(MOST)
        .forEach(
            name ->
                allowed(
                        () ->
                            client
                                .persistentVolumeClaims()
                                .inNamespace(namespace)
                                .withName(name)
                                .get())
                    .ifPresent(claim -> claims.put(name, claim)));
    return claims;
  }

  /** Events of workloads that lack pods, pods that do not start, and claims that are not bound. */
  List<Event> events(Observation seen, Collection<Optional<PersistentVolumeClaim>> claims) {
    var uids = new LinkedHashSet<String>();
    Stream.of(
            seen.statefulSets().stream().filter(set -> RefusalDiagnosis.lacksPods(set, seen)),
            seen.modelJob().stream().filter(job -> RefusalDiagnosis.lacksPods(job, seen)),
            claims.stream().flatMap(Optional::stream).filter(claim -> !bound(claim)),
            pods.stream()
                .filter(pod -> pod.node().isPresent() && !pod.deleting() && !pod.started())
                .map(PodView::pod))
        .flatMap(objects -> objects)
        .forEach(object -> uids.add(object.getMetadata().getUid()));
    return uids.stream()
        .limit(MOST)
        .flatMap(
            uid ->
                allowed(
                    () ->
                        client
                            .v1()
                            .events()
                            .inNamespace(namespace)
                            .withField("involvedObject.uid", uid)
                            .list())
                    .flatMap(list -> list)
                    .stream())
        .flatMap(list -> list.getItems().stream())
        .toList();
  }

  private static boolean bound(PersistentVolumeClaim claim) {
    return claim.getStatus() != null && "Bound".equals(claim.getStatus().getPhase());
  }

  /** Empty when the operator may not see it, as one of a few namespaces may not see nodes. */
  private static <T> Optional<Optional<T>> allowed(Supplier<T> request) {
    try {
      return Optional.of(Optional.ofNullable(request.get()));
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_FORBIDDEN) {
        throw e;
      }
      LOG.debug("{}", e.getMessage());
      return Optional.empty();
    }
  }
}
