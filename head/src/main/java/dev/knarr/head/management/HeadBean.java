// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.management;

import dev.knarr.head.HeadService;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.supervise.Supervisor;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.ShutdownDelayInitiatedEvent;
import io.vertx.core.Vertx;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Joins the supervisor to the application. Any thread; nothing happens before it is started. */
@Singleton
public final class HeadBean implements HeadService {

  private final MeterRegistry registry;
  private final Vertx vertx;
  private volatile @Nullable Supervisor supervisor;

  /** Called by the container. */
  @Inject
  public HeadBean(MeterRegistry registry, Vertx vertx) {
    this.registry = registry;
    this.vertx = vertx;
  }

  @Override
  public void start(HeadConfig config) {
    Supervisor made = new Supervisor(config, registry, Clock.systemUTC(), vertx);
    supervisor = made;
    made.start();
  }

  /** Returns what is known, or nothing when this application is no head. */
  public Optional<HeadStatus> status() {
    return Optional.ofNullable(supervisor).map(Supervisor::status);
  }

  /**
   * Ends the head before the management port closes: while running answers are finished somebody
   * may ask whether it is ready, and why not.
   */
  void beforeTheEnd(@Observes ShutdownDelayInitiatedEvent event) {
    close();
  }

  @Override
  public void close() {
    Supervisor made = supervisor;
    if (made != null) {
      made.close();
    }
  }
}
