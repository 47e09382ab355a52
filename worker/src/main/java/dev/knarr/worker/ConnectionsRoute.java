// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.worker.server.ConnectionReport;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Serves {@code /connections}: who is connected, and what share of the devices' time each gets. It
 * is no metric, since addresses as tags would grow without bound. Called on event loop threads;
 * reading the figures does not block.
 */
@Singleton
public class ConnectionsRoute {
  private static final String ROLE = "worker";

  private final ProvenWorker proven;
  private final Optional<String> role;

  @Inject
  ConnectionsRoute(
      ProvenWorker proven, @ConfigProperty(name = "knarr.role") Optional<String> role) {
    this.proven = proven;
    this.role = role;
  }

  void register(@Observes Router router) {
    if (role.filter(ROLE::equals).isPresent()) {
      router.get("/connections").handler(this::handle);
    }
  }

  private void handle(RoutingContext context) {
    var reports = proven.get().map(Worker::connections).orElse(List.of());
    context
        .response()
        .putHeader("Content-Type", "application/json")
        .end(json(reports).encodePrettily());
  }

  static JsonArray json(List<ConnectionReport> reports) {
    var array = new JsonArray();
    for (var report : reports) {
      array.add(
          new JsonObject()
              .put("id", report.id())
              .put("peer", report.peer())
              .put("since", report.since().toString())
              .put("buffers", report.buffers())
              .put("bufferBytes", report.bufferBytes())
              .put("graphs", report.graphs())
              .put("deviceSeconds", report.deviceSeconds())
              .put("share", report.share()));
    }
    return array;
  }
}
