// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.eclipse.microprofile.health.HealthCheckResponse.Status.DOWN;
import static org.eclipse.microprofile.health.HealthCheckResponse.Status.UP;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class WorkerReadinessTest {
  @Nested
  class GivenAProcessThatHasNoProvenWorkerYet {
    private final ProvenWorker proven = new ProvenWorker();
    private final WorkerReadiness readiness = new WorkerReadiness(proven);

    @Test
    void whenAsked_thenItIsNotReady() {
      assertThat(readiness.call().getStatus()).isEqualTo(DOWN);
    }

    @Test
    void whenEveryDeviceHasComputed_thenItIsReadyUntilTheWorkerStops() {
      try (var worker = RunningWorker.with("CPU")) {
        proven.set(worker.worker());

        var ready = readiness.call();
        assertThat(ready.getStatus()).isEqualTo(UP);
        assertThat(ready.getData().orElseThrow()).containsKey("CPU");

        proven.clear();
        assertThat(readiness.call().getStatus()).isEqualTo(DOWN);
      }
    }
  }
}
