// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.cli.bench.BenchOptions;
import dev.knarr.cli.bench.Benchmark;
import dev.knarr.cli.bench.EndpointSpec;
import dev.knarr.cli.bench.SyntheticModels;
import dev.knarr.cli.local.Installation;
import dev.knarr.cli.local.LocalPrograms;
import dev.knarr.cli.terminal.ProgressLine;
import dev.knarr.plan.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code knarr bench}: endpoints side by side. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    versionProvider = KnarrVersion.class,
    sortOptions = false,
    description = {
      "Compares workers side by side with stock llama-bench, in alternating rounds: prompt processing, generation, load, processor time, bytes and round trips.",
      ""
    })
final class BenchCommand implements Callable<Integer> {
  /** Half a model must be gone from the disk before the process is. */
  private static final Duration TIDY_LIMIT = Duration.ofSeconds(10);

  @SuppressWarnings("NullAway.Init") // picocli fills it.
  @Spec
  private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = "FILE",
      description = "A model (.gguf) to measure with; repeat it for several.")
  private List<Path> models = List.of();

  @Option(
      names = "--synthetic",
      paramLabel = "SHAPE",
      description =
          "A model with random weights instead of a file, made once and kept: llama-160m, llama-1b, llama-7b or llama-13b, with another number of layers behind it where you like, such as llama-7b-8l.")
  private @Nullable String synthetic;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      description =
          "The type of --synthetic as llama-quantize names it, such as Q4_K_M or F16; repeat it for several. Default: Q4_0.")
  private List<String> types = List.of("Q4_0");

  @Option(
      names = "--endpoint",
      paramLabel = "[NAME=]WHAT",
      description =
          "A side of the comparison; repeat it, ratios are to the first. WHAT is HOST:PORT of a worker that runs, several with commas for a model split over them, HOST:PORT@PORT to add the port of its metrics; or stock or knarr, to start such a worker here (knarr with options of 'knarr worker' behind it), or '2 stock' for two that share the model; or local, for llama-bench without RPC. With router in front, llama-bench reaches the workers through a router, as llama-server does under 'knarr up'; with relay, through a relay for each; with tls, through relays that speak TLS; with 'tls router', through a router that does. Default: see --compare.")
  private List<String> endpoints = List.of();

  @Option(
      names = "--compare",
      paramLabel = "WHAT,…",
      description =
          "More sides, with commas in between, for those that are started here: 'stock,knarr,four=knarr --threads 4'. Default: stock,knarr,local where there is no --endpoint.")
  private @Nullable String compare;

  @Option(
      names = "--prompt",
      paramLabel = "TOKENS",
      description = "Tokens of the prompt test; 0 leaves it out. Default: 512.")
  private int prompt = 512;

  @Option(
      names = "--generate",
      paramLabel = "TOKENS",
      description = "Tokens of the generation test; 0 leaves it out. Default: 64.")
  private int generate = 64;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description =
          "Rounds that count, after a warm-up round that does not. In each round every endpoint is measured once. Default: 9.")
  private int rounds = 9;

  @Option(
      names = "--repeat",
      paramLabel = "N",
      description =
          "Runs of each test in one round, after a warm-up of llama-bench's own; their mean counts. Default: 3.")
  private int repeat = 3;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of llama-bench and of each worker started here. Default: 1.")
  private int threads = 1;

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description =
          "A device of ggml that workers started here offer and 'local' computes on, such as CUDA0; repeat it for several. Default: CPU.")
  private List<String> devices = List.of("CPU");

  @Option(
      names = "--upload",
      paramLabel = "SIZE",
      description =
          "Also measure SET_TENSOR messages of this size, such as 256Mi, into memory that was touched before; alone where no model is named. Default: no.")
  private @Nullable String upload;

  @Mixin private WorkerTlsOptions tls = new WorkerTlsOptions();

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "File for the result as JSON, with the figures of each round. Default: none.")
  private @Nullable Path json;

  @Parameters(
      paramLabel = "LLAMA-BENCH-OPTION",
      description = "Behind --: more options of llama-bench, such as -- -fa on -ub 256.")
  private List<String> llamaBench = List.of();

  private final AtomicBoolean stopping = new AtomicBoolean();
  private final CountDownLatch finished = new CountDownLatch(1);
  private final AtomicBoolean printed = new AtomicBoolean();
  private volatile @Nullable Benchmark benchmark;

  BenchCommand() {}

  @Override
  public Integer call() throws InterruptedException {
    var sides = sides();
    var uploadBytes = uploadBytes();
    var installation = Installation.current();
    var progress = ProgressLine.onStandardError();
    try (var programs = new LocalPrograms(installation, "bench", progress)) {
      var main = Thread.currentThread();
      // Ctrl-C and SIGTERM end the JVM through its hooks: the exit code is the signal's.
      var stop = Thread.ofPlatform().name("stop").unstarted(() -> stop(programs, progress, main));
      Runtime.getRuntime().addShutdownHook(stop);
      measure(installation, programs, sides, uploadBytes, progress);
      print();
    } catch (RuntimeException | InterruptedException e) {
      // What fails because everything is being ended is no failure.
      if (!stopping.get()) {
        progress.clear();
        print();
        throw e;
      }
    } finally {
      finished.countDown();
    }
    return ExitCode.OK;
  }

  private void measure(
      Installation installation,
      LocalPrograms programs,
      List<EndpointSpec> sides,
      OptionalLong uploadBytes,
      ProgressLine progress)
      throws InterruptedException {
    var files = new ArrayList<>(models);
    if (synthetic != null) {
      var made = new SyntheticModels(installation.syntheticModels(), programs, progress);
      files.addAll(made.ensure(synthetic, types));
    }
    var compared = new Benchmark(programs, options(files, sides, uploadBytes), progress);
    benchmark = compared;
    compared.run();
  }

  private List<EndpointSpec> sides() {
    var sides = new ArrayList<EndpointSpec>();
    endpoints.forEach(endpoint -> sides.add(EndpointSpec.parse(endpoint)));
    if (compare != null || endpoints.isEmpty()) {
      sides.addAll(EndpointSpec.parseList(compare == null ? "stock,knarr,local" : compare));
    }
    sides.forEach(BenchCommand::requireWorkerOptions);
    sides.forEach(this::requireAuthority);
    return sides;
  }

  private void requireAuthority(EndpointSpec side) {
    if (side.way().secured() && tls.files().isEmpty()) {
      throw CommandFailure.usage(
          "Endpoint %s is to be reached by TLS: name the CA of its certificate with --tls-ca."
              .formatted(side.name()));
    }
  }

  /** Found here, they are named in a sentence; a worker would show all its options. */
  private static void requireWorkerOptions(EndpointSpec side) {
    if (side.target() instanceof EndpointSpec.Knarr knarr) {
      try {
        new CommandLine(new WorkerCommand()).parseArgs(knarr.options().toArray(String[]::new));
      } catch (CommandLine.ParameterException e) {
        throw CommandFailure.usage(
            "Endpoint %s: %s. 'knarr worker --help' shows the options there are."
                .formatted(side.name(), e.getMessage()));
      }
    }
  }

  private OptionalLong uploadBytes() {
    try {
      return upload == null ? OptionalLong.empty() : OptionalLong.of(ByteSize.parse(upload));
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage("--upload: " + e.getMessage());
    }
  }

  private BenchOptions options(
      List<Path> files, List<EndpointSpec> sides, OptionalLong uploadBytes) {
    return new BenchOptions(
        files,
        sides,
        prompt,
        generate,
        repeat,
        rounds,
        threads,
        devices,
        uploadBytes,
        tls.files(),
        llamaBench);
  }

  private void stop(LocalPrograms programs, ProgressLine progress, Thread main) {
    stopping.set(true);
    programs.close();
    main.interrupt(); // It may be writing a model.
    try {
      if (!finished.await(TIDY_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
        progress.line("A model that was being made may be left unfinished in the cache folder.");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    progress.clear();
    print();
  }

  /**
   * Shows what there is, whether it is all that was asked for or not. Once, by whoever is first.
   */
  private void print() {
    var compared = benchmark;
    var report = compared == null ? null : compared.report();
    if (report == null || report.isEmpty() || printed.getAndSet(true)) {
      return;
    }
    var out = spec.commandLine().getOut();
    out.print(report.toMarkdown());
    out.flush();
    if (json != null) {
      try {
        Files.writeString(json, report.toJson());
      } catch (IOException e) {
        throw CommandFailure.failed(
            "%s cannot be written: %s. The result is above.".formatted(json, e.getMessage()));
      }
    }
  }
}
