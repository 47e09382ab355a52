// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.rollout;

import dev.knarr.operator.observe.Observation;
import dev.knarr.operator.observe.PodView;
import io.fabric8.kubernetes.api.model.DeleteOptionsBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/** Deletes pods: those of an older revision, and those that a lost node holds on to. Any thread. */
public final class PodRemoval {
  private static final Set<Integer> PASSED =
      Set.of(HttpURLConnection.HTTP_CONFLICT, HttpURLConnection.HTTP_NOT_FOUND);

  private final KubernetesClient client;
  private final Duration nodeLost;

  /**
   * Removes with this client.
   *
   * @param nodeLost after how long on a node that does not answer a pod is deleted by force; zero
   *     is never
   */
  public PodRemoval(KubernetesClient client, Duration nodeLost) {
    this.client = client;
    this.nodeLost = nodeLost;
  }

  /** Tells these pods to end, all together. */
  public void delete(Observation seen, List<String> names) {
    seen.pods().stream()
        .filter(pod -> names.contains(pod.getMetadata().getName()))
        .forEach(pod -> isDeleted(pod, false));
  }

  /**
   * Deletes pods that were on a node which has not answered for too long, so that others may take
   * their names; a pod of a StatefulSet would wait for its node for ever.
   *
   * @return what was deleted
   */
  public List<PodView> deleteLost(Observation seen) {
    if (nodeLost.isZero()) {
      return List.of();
    }
    return seen.pods().stream()
        .map(PodView::new)
        .filter(pod -> !pod.ended())
        .filter(pod -> seen.nodeLostFor(pod, nodeLost))
        .filter(pod -> isDeleted(pod.pod(), true))
        .toList();
  }

  /**
   * Deletes only this very pod, not one that has come in its place; false when it has changed or
   * gone meanwhile, which the next pass looks at.
   */
  private boolean isDeleted(Pod pod, boolean byForce) {
    var options =
        new DeleteOptionsBuilder()
            .withApiVersion("v1")
            .withKind("DeleteOptions")
            .withGracePeriodSeconds(byForce ? 0L : null)
            // Not its version: what changes meanwhile does not make it another pod.
            .withNewPreconditions()
            .withUid(pod.getMetadata().getUid())
            .endPreconditions()
            .build();
    try {
      client.raw(
          "/api/v1/namespaces/%s/pods/%s"
              .formatted(pod.getMetadata().getNamespace(), pod.getMetadata().getName()),
          "DELETE",
          options);
      return true;
    } catch (KubernetesClientException e) {
      if (!PASSED.contains(e.getCode())) {
        throw e;
      }
      return false;
    }
  }
}
