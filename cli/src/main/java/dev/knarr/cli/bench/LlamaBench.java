// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.local.LocalPrograms;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/** Runs stock llama-bench against one endpoint after the other. Called by one thread. */
final class LlamaBench {
  private static final Pattern PROGRESS =
      Pattern.compile("llama-bench: benchmark (\\d+)/\\d+: (.*)");

  private final LocalPrograms programs;
  private final BenchOptions options;

  LlamaBench(LocalPrograms programs, BenchOptions options) {
    this.programs = programs;
    this.options = options;
  }

  /**
   * One run.
   *
   * @param result what llama-bench says
   * @param loadSeconds from its start on the model to the first token; empty where unknown
   * @param cpuSeconds by name of the test: what each worker used for all its repetitions, in the
   *     order of the workers; for {@code local} one figure, that of llama-bench
   */
  record Run(
      LlamaBenchResult result,
      OptionalDouble loadSeconds,
      Map<String, List<OptionalDouble>> cpuSeconds) {}

  /**
   * Runs it to its end.
   *
   * @param addresses of the endpoint's workers, or of relays in front of them
   * @param tests which tests, in llama-bench's options
   * @param progress hears what it is doing
   * @throws BenchException when it fails, with what it said
   */
  Run run(
      Endpoint endpoint,
      List<String> addresses,
      Path model,
      List<String> tests,
      Consumer<String> progress)
      throws InterruptedException {
    var arguments = new ArrayList<>(List.of("-m", model.toString(), "-ngl", "999"));
    arguments.addAll(List.of("-t", Integer.toString(options.threads()), "-o", "json"));
    arguments.add("--progress");
    arguments.addAll(endpoint.placement(addresses, options.devices()));
    arguments.addAll(tests);
    arguments.addAll(options.llamaBench());
    var process = programs.start("llama-bench", arguments, options.threads(), false);
    var marks = new Marks(clocks(endpoint, process));
    var said = new CopyOnWriteArrayList<String>();
    var errors =
        CompletableFuture.runAsync(
            () -> follow(process.errorReader(StandardCharsets.UTF_8), marks, said, progress),
            task -> Thread.ofPlatform().daemon().name("llama-bench-errors").start(task));
    var json = new StringBuilder();
    read(
        process.inputReader(StandardCharsets.UTF_8),
        line -> {
          json.append(line).append('\n');
          // The last field of a test, written and flushed as soon as the test is over.
          if (line.contains("\"samples_ts\"")) {
            marks.ended();
          }
        });
    errors.join();
    int code = process.waitFor();
    if (code != 0) {
      throw failure(endpoint, code, said);
    }
    var result = LlamaBenchResult.parse(json.toString());
    return new Run(result, marks.loadSeconds(), marks.cpuSeconds(result));
  }

  private static List<CpuClock> clocks(Endpoint endpoint, Process process) {
    return endpoint.isLocal()
        ? List.of(CpuClock.ofProcess(process.pid()))
        : endpoint.workers().stream().map(Endpoint.Worker::cpu).toList();
  }

  private static void follow(
      BufferedReader errors, Marks marks, List<String> said, Consumer<String> progress) {
    read(
        errors,
        line -> {
          var matcher = PROGRESS.matcher(line);
          if (matcher.matches()) {
            marks.began(Integer.parseInt(matcher.group(1)), matcher.group(2));
            progress.accept(matcher.group(2));
          } else if (!LlamaOutput.isNoise(line)) {
            said.add(line);
          }
        });
  }

  private static void read(BufferedReader output, Consumer<String> lines) {
    try (output) {
      for (var line = output.readLine(); line != null; line = output.readLine()) {
        lines.accept(line);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("llama-bench cannot be read", e);
    }
  }

  private static BenchException failure(Endpoint endpoint, int code, List<String> said) {
    var text = new StringBuilder();
    text.append("llama-bench against %s ended with exit code %d.".formatted(endpoint.name(), code));
    endpoint
        .dead()
        .forEach(
            worker ->
                text.append(
                    "%nThe worker (process %d) has ended. Its log %s ends with:%n%s"
                        .formatted(worker.pid(), worker.log(), worker.lastLines())));
    text.append("%nllama-bench says:%n%s".formatted(LlamaOutput.lastLines(said)));
    return new BenchException(text.toString());
  }

  /**
   * When what began and ended, by llama-bench's lines. Two threads: one for each of its streams.
   */
  private static final class Marks {
    private final List<CpuClock> clocks;
    private final Map<Integer, List<OptionalDouble>> atStart = new ConcurrentHashMap<>();
    private final List<List<OptionalDouble>> atEnd = new CopyOnWriteArrayList<>();
    private volatile long loadStarted;
    private volatile long loaded;

    Marks(List<CpuClock> clocks) {
      this.clocks = clocks;
    }

    /** A line of progress about the {@code test}-th test, counted from 1. */
    void began(int test, String what) {
      if (what.equals("starting")) {
        loadStarted = loadStarted == 0 ? System.nanoTime() : loadStarted;
        return;
      }
      loaded = loaded == 0 ? System.nanoTime() : loaded;
      if (what.startsWith("prompt run") || what.startsWith("generation run")) {
        atStart.computeIfAbsent(test, _ -> now());
      }
    }

    void ended() {
      atEnd.add(now());
    }

    OptionalDouble loadSeconds() {
      return loadStarted == 0 || loaded == 0
          ? OptionalDouble.empty()
          : OptionalDouble.of((loaded - loadStarted) / 1e9);
    }

    Map<String, List<OptionalDouble>> cpuSeconds(LlamaBenchResult result) {
      var seconds = new ConcurrentHashMap<String, List<OptionalDouble>>();
      for (int test = 0; test < result.tests().size(); test++) {
        var start = atStart.get(test + 1);
        if (start != null && test < atEnd.size()) {
          seconds.put(result.tests().get(test).name(), difference(start, atEnd.get(test)));
        }
      }
      return seconds;
    }

    private List<OptionalDouble> now() {
      return clocks.stream().map(CpuClock::seconds).toList();
    }

    private static List<OptionalDouble> difference(
        List<OptionalDouble> from, List<OptionalDouble> to) {
      var difference = new ArrayList<OptionalDouble>();
      for (int i = 0; i < from.size(); i++) {
        difference.add(
            from.get(i).isPresent() && to.get(i).isPresent()
                ? OptionalDouble.of(to.get(i).getAsDouble() - from.get(i).getAsDouble())
                : OptionalDouble.empty());
      }
      return difference;
    }
  }
}
