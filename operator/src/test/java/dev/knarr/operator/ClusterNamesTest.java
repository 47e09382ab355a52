// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.operator.Labels.Component;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ClusterNamesTest {
  private final ClusterNames names = new ClusterNames("glm", "ai");

  @Test
  void whenAWorkerIsLookedUp_thenItsPodLeadsBackToIt() {
    assertThat(names.pod("a100-0")).isEqualTo("glm-a100-0");

    assertThat(names.worker("glm-a100-0")).contains("a100-0");
    assertThat(names.worker("other-a100-0")).isEmpty();
  }

  @Test
  void whenACertificateIsMadeOut_thenItCoversTheNamesOfTheWorkers() {
    assertThat(names.workerHost("a100", 1)).isEqualTo("glm-a100-1.glm-a100.ai.svc");

    assertThat(names.workerHosts("a100"))
        .isEqualTo(List.of("*.glm-a100.ai.svc", "glm-a100.ai.svc"));
  }

  @Test
  void whenPodsAreSelected_thenTheirLabelsMatch() {
    assertThat(Labels.ofGroup("glm", "a100"))
        .containsAllEntriesOf(Labels.groupSelector("glm", "a100"));
    assertThat(Labels.of("glm", Component.HEAD))
        .containsAllEntriesOf(Labels.selector("glm", Component.HEAD));
  }
}
