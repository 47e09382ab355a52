// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * The launcher script as a user starts it, what it prints, and every process that came of it: its
 * Java parts inherit a mark in their environment, and llama-server, whose environment the head
 * cleans, is the child of one.
 */
final class KnarrProcess implements AutoCloseable {
  static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  /** The first start of a worker after a build makes the cache before. */
  static final Duration LIMIT = Duration.ofMinutes(2);

  private static final String MARK = "KNARR_TEST_MARK";

  private final String mark = UUID.randomUUID().toString();
  private final List<String> lines = new ArrayList<>();
  private final Set<ProcessHandle> seen = ConcurrentHashMap.newKeySet();
  private final Process process;

  private KnarrProcess(Map<String, String> environment, List<String> arguments) {
    var command = new ArrayList<String>(List.of(ROOT.resolve("knarr").toString()));
    command.addAll(arguments);
    var builder = new ProcessBuilder(command).redirectErrorStream(true).directory(ROOT.toFile());
    builder.environment().putAll(environment);
    builder.environment().put(MARK, mark);
    try {
      process = builder.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread.ofVirtual()
        .start(
            () -> {
              try (var reader = process.inputReader(StandardCharsets.UTF_8)) {
                reader.lines().forEach(this::add);
              } catch (IOException | UncheckedIOException e) {
                add("(output ended: " + e + ")");
              }
            });
  }

  static KnarrProcess start(String... arguments) {
    return new KnarrProcess(Map.of(), List.of(arguments));
  }

  static KnarrProcess start(Map<String, String> environment, String... arguments) {
    return new KnarrProcess(environment, List.of(arguments));
  }

  private synchronized void add(String line) {
    lines.add(line);
  }

  synchronized String output() {
    return String.join("\n", lines);
  }

  KnarrProcess awaitOutput(String text) {
    await("'%s' in the output".formatted(text))
        .atMost(LIMIT)
        .failFast(
            () ->
                assertThat(process.isAlive() || output().contains(text))
                    .as("the launcher lives; it printed:%n%s", output())
                    .isTrue())
        .until(() -> output().contains(text));
    return this;
  }

  int awaitExit() {
    return awaitExit(LIMIT);
  }

  int awaitExit(Duration limit) {
    try {
      assertThat(process.waitFor(limit.toSeconds(), TimeUnit.SECONDS))
          .as("the launcher ends; it printed:%n%s", output())
          .isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return process.exitValue();
  }

  void terminate() {
    process.toHandle().destroy(); // Process.destroy() would close its output as well.
  }

  void kill() {
    parts(); // Orphans are found by having been seen.
    process.destroyForcibly();
  }

  /** The one process of this run whose command line suits. */
  ProcessHandle awaitPart(Predicate<String> commandLine) {
    var found = new ArrayList<ProcessHandle>();
    await("a part of the cluster")
        .atMost(LIMIT)
        .until(
            () -> {
              parts().stream()
                  .filter(part -> commandLine.test(commandLine(part.pid())))
                  .forEach(found::add);
              return !found.isEmpty();
            });
    return found.getFirst();
  }

  static Predicate<String> worker(String name) {
    return line -> line.contains("quarkus-run.jar worker") && line.contains("/" + name + ".json");
  }

  static Predicate<String> head() {
    return line -> line.contains("quarkus-run.jar head");
  }

  static Predicate<String> llamaServer() {
    return line ->
        line.contains("/llama-server ")
            && line.contains("--port")
            && !line.contains("TiedExec")
            && !line.contains("quarkus-run.jar");
  }

  void awaitNothingLeft() {
    await("no process of this run")
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(parts().stream().map(part -> commandLine(part.pid())).toList())
                    .as("what is left")
                    .isEmpty());
  }

  private List<ProcessHandle> parts() {
    ProcessHandle.allProcesses()
        .filter(part -> isMarked(part.pid()))
        .forEach(
            part -> {
              seen.add(part);
              part.descendants().forEach(seen::add);
            });
    return seen.stream().filter(ProcessHandle::isAlive).toList();
  }

  private boolean isMarked(long pid) {
    return read(pid, "environ").contains(MARK + "=" + mark);
  }

  private static String commandLine(long pid) {
    return read(pid, "cmdline").replace('\0', ' ');
  }

  private static String read(long pid, String file) {
    try {
      return new String(
          Files.readAllBytes(Path.of("/proc", Long.toString(pid), file)), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return ""; // It has ended meanwhile, or is not ours to look at.
    }
  }

  @Override
  public void close() {
    parts().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
