// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.Map;

/**
 * A worker as the wire sees it. Immutable.
 *
 * @param name its name in the cluster
 * @param routed whether the head's router speaks its own commands to it: inputs as differences,
 *     copies to neighbours, answers before they are asked for. Otherwise it is served as llama.cpp
 *     serves a stock worker
 * @param link from the head to it
 * @param neighbours links to other workers that it has been proven to reach, by their names
 */
public record WireWorker(
    String name, boolean routed, LinkSpeed link, Map<String, LinkSpeed> neighbours) {
  /** Copies the links. */
  public WireWorker {
    neighbours = Map.copyOf(neighbours);
  }
}
