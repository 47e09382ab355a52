// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import io.quarkus.runtime.annotations.QuarkusMain;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.security.Security;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
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
    })
public final class KnarrMain implements Runnable {
  /** In the order in which the help lists them. */
  private static final Map<String, Supplier<Callable<Integer>>> COMMANDS = commands();

  @SuppressWarnings("NullAway.Init") // picocli fills it before anything runs.
  @Spec
  private CommandSpec spec;

  /** Called by picocli. */
  public KnarrMain() {}

  private static Map<String, Supplier<Callable<Integer>>> commands() {
    var commands = new LinkedHashMap<String, Supplier<Callable<Integer>>>();
    commands.put("up", UpCommand::new);
    commands.put("plan", PlanCommand::new);
    commands.put("worker", WorkerCommand::new);
    commands.put("head", HeadCommand::new);
    commands.put("fetch", FetchCommand::new);
    commands.put("install", InstallCommand::new);
    commands.put("bench", BenchCommand::new);
    commands.put("certs", CertsCommand::new);
    return commands;
  }

  /** Runs the command that {@code args} name and ends the process. */
  public static void main(String... args) {
    // A worker's pod that comes back has another address; the JVM would keep the old one for 30 s,
    // and for 10 s that there was none.
    Security.setProperty("networkaddress.cache.ttl", "5");
    Security.setProperty("networkaddress.cache.negative.ttl", "1");
    // Picocli reads the annotations of each command that it is given: 50 ms that a worker need not
    // wait for.
    boolean named = args.length > 0 && COMMANDS.containsKey(args[0]);
    var line = named ? commandLine(Set.of(args[0])) : commandLine();
    System.exit(line.execute(args));
  }

  /** All commands and options, as they are parsed and as the reference is compared with them. */
  static CommandLine commandLine() {
    return commandLine(COMMANDS.keySet());
  }

  private static CommandLine commandLine(Set<String> names) {
    var line = new CommandLine(new KnarrMain());
    COMMANDS.forEach(
        (name, command) -> {
          if (names.contains(name)) {
            line.addSubcommand(command.get());
          }
        });
    return line.setOut(new PrintWriter(System.out, true, StandardCharsets.UTF_8))
        .setErr(new PrintWriter(System.err, true, StandardCharsets.UTF_8))
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExecutionExceptionHandler(new FailureReport());
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "A command is missing.");
  }
}
