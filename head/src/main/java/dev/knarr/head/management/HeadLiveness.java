// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.management;

import dev.knarr.head.HeadMain;
import io.quarkus.arc.lookup.LookupIfProperty;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;

/**
 * Alive while it answers. A head that waits or has given up is alive: a restart would not bring a
 * worker back, and its status would be lost.
 */
@Liveness
@Singleton
@LookupIfProperty(name = HeadMain.ROLE_PROPERTY, stringValue = HeadMain.ROLE)
public final class HeadLiveness implements HealthCheck {

  @Override
  public HealthCheckResponse call() {
    return HealthCheckResponse.up("head");
  }
}
