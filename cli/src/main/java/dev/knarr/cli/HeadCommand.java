// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.head.HeadMain;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code knarr head}: what {@code knarr up} and the operator start; rarely typed by a person. */
@Command(
    name = "head",
    mixinStandardHelpOptions = true,
    versionProvider = KnarrVersion.class,
    sortOptions = false,
    description = {
      "Proves the workers, plans the split and runs llama-server over them. 'knarr up' starts it for you.",
      ""
    })
final class HeadCommand implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init") // Required: picocli fills it.
  @Option(
      names = "--config",
      required = true,
      paramLabel = "FILE",
      description = "The head's configuration, one JSON file.")
  private Path config;

  @Option(
      names = "--announce",
      paramLabel = "FILE",
      description = "File to write the opened ports to, as JSON, once they are open.")
  private @Nullable Path announce;

  @Option(
      names = "--log-format",
      paramLabel = "FORMAT",
      description =
          "text, or json: one object per line. Default: what KNARR_LOG_FORMAT says, otherwise text.")
  private @Nullable LogFormat logFormat;

  HeadCommand() {}

  @Override
  public Integer call() {
    var file = config.toAbsolutePath();
    try {
      var management = HeadConfig.read(file).management();
      System.setProperty("quarkus.http.port", String.valueOf(management.port()));
      // Not the worker's address, which is the default of the application.
      if (System.getenv("QUARKUS_HTTP_HOST") == null) {
        System.setProperty("quarkus.http.host", management.host());
      }
    } catch (HeadException e) {
      throw CommandFailure.usage(String.valueOf(e.getMessage()));
    }
    System.setProperty("knarr.head.config", file.toString());
    if (announce != null) {
      System.setProperty("knarr.head.announce", announce.toAbsolutePath().toString());
    }
    LogFormat.choose(logFormat, "KNARR_HEAD_LOG_FORMAT");
    return QuarkusProcess.run("head", HeadMain.class);
  }
}
