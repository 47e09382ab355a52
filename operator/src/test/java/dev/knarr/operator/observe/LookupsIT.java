// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.operator.Scene;
import dev.knarr.testkit.kube.ApiServer;
import java.util.ArrayList;
import org.junit.jupiter.api.Test;

/** What is asked of a real API server when pods give reason to. */
final class LookupsIT {
  /** As a node's controller leaves the pods of a silent node. */
  private static final String SILENT =
      Scene.RUNNING.replaceFirst("type: Ready, status: \"True\"", "type: Ready, status: \"False\"");

  @Test
  void whenManyNodesAreLost_thenEachIsNoticed() {
    var scene = Scene.empty();
    var nodes = new ArrayList<String>();
    for (int i = 0; i < 12; i++) {
      // No API server has such nodes: they have been removed.
      nodes.add("gone-" + i);
      scene.pendingWorker("a100-" + i, "nodeName: gone-" + i, SILENT);
    }

    var lookups = new Lookups(ApiServer.shared().client(), "models", scene.seen());

    assertThat(lookups.nodes(scene.seen())).containsOnlyKeys(nodes);
  }
}
