// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeCondition;
import java.time.Instant;
import java.util.Optional;

/**
 * Whether a node does its work. Immutable.
 *
 * @param name the node
 * @param trouble what is wrong, as part of a sentence; empty when it is ready
 * @param since since when it is not ready; never when it is ready, always when it is no more
 */
public record NodeState(String name, Optional<String> trouble, Instant since) {
  /** A node as the API gives it. */
  static NodeState of(Node node) {
    var name = node.getMetadata().getName();
    var conditions =
        node.getStatus() == null
            ? Optional.<NodeCondition>empty()
            : node.getStatus().getConditions().stream()
                .filter(condition -> "Ready".equals(condition.getType()))
                .findFirst();
    var unready = conditions.filter(ready -> !"True".equals(ready.getStatus()));
    return new NodeState(
        name,
        unready.map(
            ready ->
                "has not been ready since %s (%s)"
                    .formatted(ready.getLastTransitionTime(), ready.getMessage())),
        unready.flatMap(ready -> PodView.time(ready.getLastTransitionTime())).orElse(Instant.MAX));
  }

  /** A node that has been deleted. */
  static NodeState gone(String name) {
    return new NodeState(name, Optional.of("is no longer part of the cluster"), Instant.MIN);
  }
}
