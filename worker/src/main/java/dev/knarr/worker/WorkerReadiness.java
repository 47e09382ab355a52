// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.worker.device.Device;
import io.quarkus.arc.lookup.LookupIfProperty;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

/** Ready from the moment that every device has computed a probe until the worker stops. */
@Readiness
@ApplicationScoped
@LookupIfProperty(name = "knarr.role", stringValue = "worker")
public class WorkerReadiness implements HealthCheck {
  private final ProvenWorker proven;

  @Inject
  WorkerReadiness(ProvenWorker proven) {
    this.proven = proven;
  }

  @Override
  public HealthCheckResponse call() {
    var response = HealthCheckResponse.named("worker").status(proven.get().isPresent());
    proven
        .get()
        .ifPresent(
            worker ->
                worker
                    .devices()
                    .forEach(device -> response.withData(device.name(), description(device))));
    return response.build();
  }

  private static String description(Device device) {
    return device.ggml().description();
  }
}
