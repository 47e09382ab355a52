// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.management;

import dev.knarr.head.HeadMain;
import dev.knarr.head.api.HeadStatus;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Serves {@code /status}. Called on event loop threads; reading the status does not block. */
@Singleton
public final class StatusRoute {

  private static final int UNAVAILABLE = 503;

  private final HeadBean head;
  private final Optional<String> role;

  /** Called by the container. */
  @Inject
  public StatusRoute(
      HeadBean head, @ConfigProperty(name = HeadMain.ROLE_PROPERTY) Optional<String> role) {
    this.head = head;
    this.role = role;
  }

  void register(@Observes Router router) {
    if (role.filter(HeadMain.ROLE::equals).isPresent()) {
      router.get("/status").handler(this::handle);
    }
  }

  private void handle(RoutingContext context) {
    Optional<HeadStatus> status = head.status();
    if (status.isEmpty()) {
      context.response().setStatusCode(UNAVAILABLE).end();
      return;
    }
    context.response().putHeader("Content-Type", "application/json").end(status.get().toJson());
  }
}
