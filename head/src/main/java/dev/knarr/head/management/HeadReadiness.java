// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.management;

import dev.knarr.head.HeadMain;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadStatus;
import io.quarkus.arc.lookup.LookupIfProperty;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.Optional;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Readiness;

/** Ready when every planned device has computed and llama-server serves. */
@Readiness
@Singleton
@LookupIfProperty(name = HeadMain.ROLE_PROPERTY, stringValue = HeadMain.ROLE)
public final class HeadReadiness implements HealthCheck {

  private final HeadBean head;

  /** Called by the container. */
  @Inject
  public HeadReadiness(HeadBean head) {
    this.head = head;
  }

  @Override
  public HealthCheckResponse call() {
    HealthCheckResponseBuilder response = HealthCheckResponse.named("head");
    Optional<HeadStatus> status = head.status();
    status.ifPresent(
        s -> response.withData("phase", s.phase().text()).withData("message", s.message()));
    return response.status(status.filter(s -> s.phase() == HeadPhase.READY).isPresent()).build();
  }
}
