// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import io.quarkus.runtime.annotations.QuarkusMain;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * Runs one command of {@code knarr} and ends the process with its exit code: 0 when all went well,
 * 1 when something failed, 2 when the command line or the cluster file is wrong.
 */
@QuarkusMain
@Command(
    name = "knarr",
    mixinStandardHelpOptions = true,
    versionProvider = KnarrVersion.class,
    synopsisSubcommandLabel = "COMMAND",
    description = "Runs one GGUF model across the devices of many machines.",
    footer = {
      "",
      "The first thing to run:",
      "  knarr up docs/examples/quickstart.yaml",
      "",
      "'knarr COMMAND --help' shows the options of a command."
    },
    subcommands = {
      UpCommand.class,
      PlanCommand.class,
      WorkerCommand.class,
      HeadCommand.class,
      CertsCommand.class
    })
public final class KnarrMain implements Runnable {
  @SuppressWarnings("NullAway.Init") // picocli fills it before anything runs.
  @Spec
  private CommandSpec spec;

  /** Called by picocli. */
  public KnarrMain() {}

  /** Runs the command that {@code args} name and ends the process. */
  public static void main(String... args) {
    System.exit(commandLine().execute(args));
  }

  /** All commands and options, as they are parsed and as the reference is compared with them. */
  static CommandLine commandLine() {
    return new CommandLine(new KnarrMain())
        .setOut(new PrintWriter(System.out, true, StandardCharsets.UTF_8))
        .setErr(new PrintWriter(System.err, true, StandardCharsets.UTF_8))
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExecutionExceptionHandler(new FailureReport());
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "A command is missing.");
  }
}
