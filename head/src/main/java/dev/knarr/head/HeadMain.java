// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import dev.knarr.os.Announcement;
import dev.knarr.os.ParentPipe;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import io.quarkus.vertx.http.HttpServer;
import jakarta.inject.Inject;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs a head until the process is asked to stop: {@code Quarkus.run(HeadMain.class)} with the
 * configuration file in {@value #CONFIG_PROPERTY}. A head that fails stays, so that its {@code
 * /status} can say why; it is for the launcher or the operator to end it.
 */
public final class HeadMain implements QuarkusApplication {

  /** The property that names the configuration file. */
  public static final String CONFIG_PROPERTY = "knarr.head.config";

  /** The property that names the file to announce the ports in; optional. */
  public static final String ANNOUNCE_PROPERTY = "knarr.head.announce";

  /** The property that says what the application runs as. */
  public static final String ROLE_PROPERTY = "knarr.role";

  /** The value of {@link #ROLE_PROPERTY} that switches the beans of the head on. */
  public static final String ROLE = "head";

  private static final Logger LOG = LoggerFactory.getLogger(HeadMain.class);
  private static final Duration PIPE_MARGIN = Duration.ofSeconds(25);
  private static final int CONFIG_ERROR = 2;

  private final HeadService service;
  private final HttpServer management;
  private final Optional<Path> configFile;
  private final Optional<Path> announceFile;

  /** Called by the container. */
  @Inject
  public HeadMain(
      HeadService service,
      HttpServer management,
      @ConfigProperty(name = CONFIG_PROPERTY) Optional<Path> configFile,
      @ConfigProperty(name = ANNOUNCE_PROPERTY) Optional<Path> announceFile) {
    this.service = service;
    this.management = management;
    this.configFile = configFile;
    this.announceFile = announceFile;
  }

  @Override
  public int run(String... args) {
    HeadConfig config;
    try {
      config = HeadConfig.read(configFile.orElseThrow(HeadMain::noFile));
    } catch (HeadException e) {
      LOG.error("{}", e.sentence());
      return CONFIG_ERROR;
    }
    ParentPipe.follow(
        Quarkus::asyncExit, config.drain().plus(config.limits().stop()).plus(PIPE_MARGIN));
    try (service) {
      service.start(config);
      if (announceFile.isPresent()) {
        Announcement.write(
            announceFile.get(), Map.of("management", "127.0.0.1:" + management.getPort()));
      }
      Quarkus.waitForExit();
    }
    return 0;
  }

  private static HeadException noFile() {
    return new HeadException(
        HeadReason.CONFIG_INVALID,
        "No configuration file for the head. Name one: knarr head --config FILE.");
  }
}
