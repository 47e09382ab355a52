// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.cli.local.Installation;
import dev.knarr.cli.local.LocalCluster;
import dev.knarr.cli.local.UpOptions;
import dev.knarr.cli.terminal.ProgressLine;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code knarr up}: a cluster file as processes of this machine, until Ctrl-C. */
@Command(
    name = "up",
    mixinStandardHelpOptions = true,
    versionProvider = KnarrVersion.class,
    sortOptions = false,
    description = {
      "Runs a cluster file on this machine: fetches the model, starts workers and a head with llama-server, and serves until Ctrl-C.",
      ""
    })
final class UpCommand implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init") // Required: picocli fills it.
  @Parameters(paramLabel = "FILE", description = "The cluster file (YAML), as for Kubernetes.")
  private Path file;

  @Option(
      names = "--port",
      paramLabel = "PORT",
      description =
          "Port of the endpoint; 0 takes any free one. Default: spec.head.service.port of the file, which is 8080 where it says nothing.")
  private @Nullable Integer port;

  @Option(
      names = "--worker",
      paramLabel = "HOST:PORT",
      description =
          "A worker that already runs, here or elsewhere; repeat it. The i-th takes the place of the i-th replica in file order. Several addresses of one worker are divided by commas, and the fastest is taken. Default: workers are started on this machine.")
  private List<String> workers = List.of();

  @Mixin private WorkerTlsOptions tls = new WorkerTlsOptions();

  @Option(
      names = "--llama-server",
      paramLabel = "PROGRAM",
      description =
          "The llama-server to run, built with RPC. Default: one on the PATH if it proves suitable, otherwise the one Knarr fetches.")
  private @Nullable Path llamaServer;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description =
          "Threads of each worker started here. Default: the physical cores divided by the workers, at least 1.")
  private @Nullable Integer threads;

  @Option(
      names = "--router-feature",
      paramLabel = "NAME",
      description =
          "Something that head and workers may agree on beside llama.cpp's protocol: inputs, graphs, direct-copies, read-ahead, content, parking, or none of them; repeat it for several. Default: all.")
  private List<String> routerFeatures = List.of();

  UpCommand() {}

  @Override
  public Integer call() throws InterruptedException {
    var installation = Installation.current();
    var progress = ProgressLine.onStandardOutput();
    var spec = ClusterInput.read(file);
    if (spec.isEmpty()) {
      progress.line("spec.replicas of %s is 0: there is nothing to run.".formatted(file));
      return 0;
    }
    var options =
        new UpOptions(
            port == null ? OptionalInt.empty() : OptionalInt.of(port),
            workers,
            tls.files(),
            Optional.ofNullable(llamaServer),
            threads == null ? OptionalInt.empty() : OptionalInt.of(threads),
            routerFeatures);
    try (var cluster = new LocalCluster(installation, spec.get(), options, progress)) {
      // Ctrl-C and SIGTERM end the JVM through its hooks: the exit code is the signal's.
      var stop = Thread.ofPlatform().name("stop").unstarted(cluster::close);
      Runtime.getRuntime().addShutdownHook(stop);
      cluster.run();
    }
    return 0;
  }
}
