// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.cli.local.AssumedLinks;
import dev.knarr.cli.local.LocalPlan;
import dev.knarr.os.CacheFolder;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code knarr plan}: which layers would go where, without starting anything. */
@Command(
    name = "plan",
    mixinStandardHelpOptions = true,
    versionProvider = KnarrVersion.class,
    sortOptions = false,
    description = {
      "Shows which layers of a model go to which device, and what memory they take there; or what does not fit and what would help. Starts nothing.",
      ""
    })
final class PlanCommand implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init") // picocli fills it.
  @Spec
  private CommandSpec spec;

  @SuppressWarnings("NullAway.Init") // Required: picocli fills it.
  @Parameters(
      paramLabel = "FILE",
      description =
          "A cluster file (YAML), or a model (.gguf; the first part where it has several).")
  private Path file;

  @Option(
      names = "--worker",
      paramLabel = "HOST:PORT",
      description =
          "A worker that already runs, to be asked for its devices; repeat it, in the order of the file's replicas. Default: this machine's memory, divided among the file's workers.")
  private List<String> workers = List.of();

  @Mixin private WorkerTlsOptions tls = new WorkerTlsOptions();

  @Option(
      names = "--device",
      paramLabel = "SIZE",
      description =
          "With a .gguf: the free memory of a device, such as 24Gi; repeat it for several. Default: this machine's memory.")
  private List<String> devices = List.of();

  @Option(
      names = "--context-length",
      paramLabel = "TOKENS",
      description =
          "With a .gguf: tokens of one sequence. Default: what the model was trained for.")
  private int contextLength;

  @Option(
      names = "--parallel-sequences",
      paramLabel = "N",
      description = "With a .gguf: sequences at the same time. Default: 1.")
  private int parallelSequences = 1;

  @Option(
      names = "--link-speed",
      paramLabel = "RATE",
      description =
          "What each link is assumed to carry, in bits per second: 100Mbit, 1Gbit, 25Gbit. Default: 1Gbit; 16Gbit where all workers are on this machine.")
  private @Nullable String linkSpeed;

  @Option(
      names = "--round-trip",
      paramLabel = "MILLISECONDS",
      description =
          "The round trip that each link is assumed to take. Default: 0.3; 0.05 where all workers are on this machine.")
  private @Nullable Double roundTrip;

  PlanCommand() {}

  private AssumedLinks links() {
    try {
      return AssumedLinks.of(linkSpeed, roundTrip);
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage(String.valueOf(e.getMessage()));
    }
  }

  private String ofModel(LocalPlan planner) {
    try {
      return planner.ofModel(file, devices, contextLength, parallelSequences, links());
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage(
          String.valueOf(e.getMessage())); // A size, or a number out of range.
    }
  }

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    var planner = new LocalPlan(CacheFolder.path());
    if (ClusterInput.isModel(file)) {
      if (!workers.isEmpty()) {
        throw CommandFailure.usage("--worker goes with a cluster file; with a .gguf say --device.");
      }
      out.print(ofModel(planner));
    } else {
      if (workers.isEmpty() && tls.files().isPresent()) {
        throw CommandFailure.usage("--tls-ca goes with --worker.");
      }
      if (!devices.isEmpty() || contextLength != 0 || parallelSequences != 1) {
        throw CommandFailure.usage(
            "--device, --context-length and --parallel-sequences go with a .gguf; a cluster file says these things itself.");
      }
      var cluster = ClusterInput.read(file);
      if (cluster.isEmpty()) {
        out.printf("spec.replicas of %s is 0: there is nothing to plan.%n", file);
      } else {
        out.print(planner.ofCluster(cluster.get(), workers, tls.files(), links()));
      }
    }
    out.flush();
    return 0;
  }
}
