// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.cli.model.ModelStore;
import dev.knarr.cli.terminal.ProgressLine;
import dev.knarr.ggml.GgmlLocation;
import dev.knarr.gguf.GgufFile;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.os.Processors;
import dev.knarr.plan.SplitPlan;
import dev.knarr.rpc.transport.TlsFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * One cluster on this machine: fetches the model, starts the workers and a head over them, shows
 * how it goes and stops everything in the end. Run by the main thread; {@link #close} may be called
 * by any thread and is what Ctrl-C calls.
 */
public final class LocalCluster implements AutoCloseable {
  private final Installation installation;
  private final LocalSpec spec;
  private final UpOptions options;
  private final ProgressLine progress;
  private final Children children = new Children();

  /** A cluster that is not started yet. */
  public LocalCluster(
      Installation installation, LocalSpec spec, UpOptions options, ProgressLine progress) {
    this.installation = installation;
    this.spec = spec;
    this.options = options;
    this.progress = progress;
  }

  /**
   * Serves until {@link #close} is called by another thread.
   *
   * @throws LocalException when something fails; everything is stopped then
   * @throws dev.knarr.cli.model.ModelException when the model cannot be had
   * @throws dev.knarr.gguf.GgufException when it is no model
   * @throws OptionException when an option contradicts the cluster file
   */
  public void run() throws InterruptedException {
    try {
      serve();
    } catch (LocalException e) {
      // What fails because everything is being stopped is no failure.
      if (!children.isStopping()) {
        throw e;
      }
      children.awaitStopped();
    } finally {
      close();
    }
  }

  private void serve() throws InterruptedException {
    long startedNanos = System.nanoTime();
    var running =
        options.workers().isEmpty()
            ? List.<HeadConfig.Worker>of()
            : HeadWorkers.of(spec, options.workers());
    if (running.isEmpty()) {
      requireFewDevices(spec);
    }
    int port = PortCheck.requireFree(options.port().orElse(spec.port()));
    // Here already: files that cannot be used are not worth starting anything for.
    DeviceQuery.transport(options.tls());
    var programs = new LlamaServers(options.llamaServer(), new LlamaTree(installation, progress));
    programs.requireGiven();
    var store =
        new ModelStore(installation.models(), System.getenv(), new TransferProgress(progress));
    var model = store.fetch(spec.model());
    var draft = spec.draft().map(store::fetch);
    var projector = spec.projector().map(store::fetch);
    // Read here already: a file that is no model is not worth starting anything for.
    GgufFile.open(model);
    draft.ifPresent(GgufFile::open);
    projector.ifPresent(GgufFile::open);
    requireGgml();
    var candidates = programs.candidates();

    var folder =
        RunFolder.create(
            installation.cache().resolve("runs"),
            spec.name(),
            LocalDateTime.now(ZoneId.systemDefault()));
    var workers = running.isEmpty() ? startWorkers(folder) : running;
    for (var candidate : candidates) {
      var config = headConfig(port, model, draft, projector, workers, candidate.program());
      write(folder.headConfig(), config);
      try (var head = new LocalHead(installation, folder, spec, progress, children, startedNanos)) {
        if (head.follow(candidate)) {
          return;
        }
      }
    }
  }

  /** The head refuses them too, but only when all workers run and have been asked. */
  static void requireFewDevices(LocalSpec spec) {
    var devices =
        spec.workers().stream()
            .flatMap(
                worker ->
                    IntStream.range(0, worker.devices().size())
                        .mapToObj(number -> worker.name() + "/" + number))
            .toList();
    if (spec.split().devices().isEmpty() && devices.size() > SplitPlan.MAX_DEVICES) {
      throw new LocalException(
          "The workers offer %d devices and llama-server takes at most %d; over the limit: %s. Use fewer workers, or name the devices to use in spec.split.devices."
              .formatted(
                  devices.size(),
                  SplitPlan.MAX_DEVICES,
                  String.join(", ", devices.subList(SplitPlan.MAX_DEVICES, devices.size()))));
    }
  }

  /** Workers that are started here need ggml: fetched once, by us, rather than by each of them. */
  private void requireGgml() {
    boolean here = GgmlLocation.find(null, Path.of("/nonexistent")).isPresent();
    if (options.workers().isEmpty() && !here) {
      new LlamaTree(installation, progress).ensure();
    }
  }

  private List<HeadConfig.Worker> startWorkers(RunFolder folder) throws InterruptedException {
    int threads =
        LocalWorkers.threads(options.threads(), Processors.cores(), spec.workers().size());
    progress.line(
        "Starting %d worker%s with %d thread%s each; logs in %s"
            .formatted(
                spec.workers().size(),
                spec.workers().size() == 1 ? "" : "s",
                threads,
                threads == 1 ? "" : "s",
                folder.path()));
    var starter = new LocalWorkers(installation, folder, progress);
    return starter.await(starter.start(spec, threads, children::addWorker));
  }

  private HeadConfig headConfig(
      int port,
      Path model,
      Optional<Path> draft,
      Optional<Path> projector,
      List<HeadConfig.Worker> workers,
      Path llamaServer) {
    return new HeadConfig(
        null,
        new HeadConfig.Model(
            spec.modelName(),
            model.toAbsolutePath(),
            draft.map(Path::toAbsolutePath).orElse(null),
            projector.map(Path::toAbsolutePath).orElse(null)),
        spec.context(),
        workers,
        options.tls().map(LocalCluster::headTls).orElse(null),
        options.routed(spec.split()),
        new HeadConfig.LlamaServer(llamaServer.toAbsolutePath(), spec.llamaArguments(), 0),
        new HeadConfig.Http("127.0.0.1", port),
        new HeadConfig.Management("127.0.0.1", 0),
        null,
        0,
        limits());
  }

  private HeadConfig.Limits limits() {
    int stopSeconds = (int) Children.STOP_LIMIT.toSeconds() / 2;
    return spec.replanAfterSeconds().isPresent()
        ? HeadConfig.Limits.patient(spec.replanAfterSeconds(), stopSeconds)
        : new HeadConfig.Limits(0, 0, 0, stopSeconds);
  }

  private static HeadConfig.Tls headTls(TlsFiles files) {
    return new HeadConfig.Tls(
        Objects.requireNonNull(files.authority(), "--tls-ca"), files.certificate(), files.key());
  }

  private static void write(Path file, HeadConfig config) {
    try {
      Files.writeString(file, config.toJson());
    } catch (IOException e) {
      throw new LocalException("%s cannot be written: %s.".formatted(file, e.getMessage()), e);
    }
  }

  /** Stops everything that was started, gracefully and then by force, within one deadline. */
  @Override
  public void close() {
    children.stop(progress);
  }
}
