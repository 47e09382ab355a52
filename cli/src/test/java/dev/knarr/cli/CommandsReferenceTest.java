// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.worker.WorkerConfig;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

class CommandsReferenceTest {
  private static final Path REFERENCE = Path.of("../docs/reference/commands.md");

  /** The table of one command as the reference has to show it. */
  private static String table(CommandLine command) {
    boolean worker = command.getCommandName().equals("worker");
    var rows =
        command.getCommandSpec().options().stream()
            .filter(option -> !option.usageHelp() && !option.versionHelp())
            .map(option -> row(option, worker))
            .collect(Collectors.joining());
    var head =
        worker
            ? "| Option | Default | Environment | Meaning |\n|---|---|---|---|\n"
            : "| Option | Default | Meaning |\n|---|---|---|\n";
    return head + rows;
  }

  private static String row(OptionSpec option, boolean worker) {
    var text = String.join(" ", option.description());
    int at = text.indexOf(" Default: ");
    var meaning = at < 0 ? text : text.substring(0, at);
    var fallback =
        at < 0
            ? (option.required() ? "required" : "none")
            : text.substring(at + " Default: ".length());
    var environment = worker ? "`%s` | ".formatted(environment(option.longestName())) : "";
    return "| `%s %s` | %s | %s%s |\n"
        .formatted(
            option.longestName(),
            option.paramLabel(),
            fallback.replaceAll("\\.$", ""),
            environment,
            meaning);
  }

  private static String environment(String option) {
    return "KNARR_WORKER_"
        + option.replaceFirst("^--", "").replace('-', '_').toUpperCase(Locale.ROOT);
  }

  @Nested
  class GivenTheReference {
    @ParameterizedTest
    @ValueSource(strings = {"up", "plan", "worker", "bench", "head", "fetch", "install", "certs"})
    void whenACommandIsLookedUp_thenItsOptionsAreTheProgramsOwn(String name) throws IOException {
      var command = Objects.requireNonNull(KnarrMain.commandLine().getSubcommands().get(name));

      var reference = Files.readString(REFERENCE);

      assertThat(reference).contains("## `knarr %s".formatted(name)).contains(table(command));
    }

    @Test
    void whenACommandExists_thenItHasASection() throws IOException {
      var reference = Files.readString(REFERENCE);

      assertThat(reference.lines().filter(line -> line.startsWith("## `knarr ")))
          .hasSameSizeAs(KnarrMain.commandLine().getSubcommands().keySet());
    }

    @Test
    void whenAWorkerCanBeConfigured_thenTheVariableIsNamed() throws IOException {
      var variables =
          Arrays.stream(WorkerConfig.class.getMethods())
              .map(Method::getName)
              .map(name -> name.replaceAll("([A-Z])", "-$1"))
              .map(CommandsReferenceTest::environment);

      var reference = Files.readString(REFERENCE);

      assertThat(reference).contains(Stream.concat(variables, Stream.of("KNARR_CACHE")).toList());
    }
  }
}
