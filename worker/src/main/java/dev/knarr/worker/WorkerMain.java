// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.os.Announcement;
import dev.knarr.os.LastResort;
import dev.knarr.os.ParentPipe;
import dev.knarr.os.ProcessAge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import jakarta.inject.Inject;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Map;
import org.eclipse.microprofile.config.Config;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A worker process: opens the {@link Worker}, says where it is to be found, and runs until it is
 * stopped. Exit code 1 when it cannot start.
 */
public class WorkerMain implements QuarkusApplication {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerMain.class);

  /** What giving everything back may take beyond the time for running graphs. */
  private static final Duration STOP_GRACE = Duration.ofSeconds(10);

  /** As after SIGTERM. */
  private static final int TERMINATED = 143;

  private final WorkerConfig config;
  private final Config properties;
  private final MeterRegistry registry;
  private final ProvenWorker proven;

  @Inject
  public WorkerMain(
      WorkerConfig config, Config properties, MeterRegistry registry, ProvenWorker proven) {
    this.config = config;
    this.properties = properties;
    this.registry = registry;
    this.proven = proven;
  }

  @Override
  public int run(String... args) {
    ParentPipe.follow(Quarkus::asyncExit, config.stopTimeout().plusSeconds(5));
    try (var worker = Worker.open(config, registry)) {
      proven.set(worker);
      config.announce().ifPresent(file -> Announcement.write(file, endpoints(worker)));
      ProcessAge.now().ifPresent(age -> LOG.info("Ready {} ms after its start", age.toMillis()));
      Quarkus.waitForExit();
      proven.clear();
      LastResort.haltAfter(config.stopTimeout().plus(STOP_GRACE), TERMINATED);
      worker.close();
      if (worker.isStillComputing()) {
        // An exit in order takes ggml's tables away from under the thread that still computes.
        LOG.warn("The process is halted: a device cannot be stopped");
        Runtime.getRuntime().halt(TERMINATED);
      }
      return 0;
    } catch (WorkerStartException e) {
      LOG.error("The worker cannot run: {}", e.sentence());
      return 1;
    } catch (RuntimeException e) {
      LOG.error("The worker cannot run: {}", e.getMessage(), e);
      return 1;
    }
  }

  private Map<String, String> endpoints(Worker worker) {
    int managementPort = properties.getValue("quarkus.http.port", Integer.class);
    var management =
        new InetSocketAddress(
            properties.getValue("quarkus.http.host", String.class), managementPort);
    return Map.of("rpc", text(worker.address()), "management", text(management));
  }

  private static String text(InetSocketAddress address) {
    return address.getAddress().getHostAddress() + ":" + address.getPort();
  }
}
