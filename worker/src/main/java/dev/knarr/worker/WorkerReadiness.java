// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import io.quarkus.arc.lookup.LookupIfProperty;
import jakarta.enterprise.context.ApplicationScoped;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;
import org.jspecify.annotations.Nullable;

/** Ready from the moment that every device has computed a probe until the worker stops. */
@Readiness
@ApplicationScoped
@LookupIfProperty(name = "knarr.role", stringValue = "worker")
public class WorkerReadiness implements HealthCheck {
  private volatile @Nullable Worker worker;

  void proven(Worker proven) {
    worker = proven;
  }

  void stopping() {
    worker = null;
  }

  @Override
  public HealthCheckResponse call() {
    var response = HealthCheckResponse.named("worker");
    var proven = worker;
    if (proven == null) {
      return response.down().build();
    }
    proven
        .devices()
        .forEach(device -> response.withData(device.name(), device.ggml().description()));
    return response.up().build();
  }
}
