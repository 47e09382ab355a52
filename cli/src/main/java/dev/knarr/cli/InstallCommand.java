// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.plan.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code knarr install DIR}: brings Knarr into a container of another image. */
@Command(
    name = "install",
    mixinStandardHelpOptions = true,
    versionProvider = KnarrVersion.class,
    sortOptions = false,
    description = {
      "Copies this installation, with its Java runtime, into a folder. For images: the operator brings the head into the server image by it.",
      ""
    })
final class InstallCommand implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init") // picocli fills it before anything runs.
  @Spec
  private CommandSpec spec;

  @SuppressWarnings("NullAway.Init") // Required: picocli fills it.
  @Parameters(paramLabel = "DIR", description = "Where to; made where it does not exist.")
  private Path folder;

  InstallCommand() {}

  @Override
  public Integer call() {
    var home = home(System.getenv("KNARR_HOME"));
    try {
      long bytes = Payload.copy(home, folder);
      spec.commandLine()
          .getOut()
          .println("Knarr is installed in %s (%s).".formatted(folder, ByteSize.format(bytes)));
      return ExitCode.OK;
    } catch (IOException e) {
      throw CommandFailure.failed(
          "%s cannot be copied to %s: %s. The folder has to be writable and have room."
              .formatted(home, folder, e));
    }
  }

  /** A tree of sources builds itself where it is first run: it cannot be copied like an image's. */
  private static Path home(@Nullable String variable) {
    if (variable == null || !Files.isExecutable(Path.of(variable, Payload.LAUNCHER))) {
      throw CommandFailure.usage(
          "Only an installation with its own Java runtime can be copied, as images have it in /opt/knarr.");
    }
    return Path.of(variable);
  }
}
