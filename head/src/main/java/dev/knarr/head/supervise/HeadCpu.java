// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.supervise.Planner.Planned;
import dev.knarr.os.MachineMemory;
import dev.knarr.os.MemoryBandwidth;
import dev.knarr.plan.HeadProcessor;
import dev.knarr.plan.OutputPlace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The head's own processor as the last device, which takes the output layer where the plan wants it
 * there: a worker of ours lives beside llama-server for as long as that runs. The supervisor's
 * thread.
 */
final class HeadCpu implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(HeadCpu.class);

  /** What the worker's own process takes beside what it hands out. */
  private static final long PROCESS_BYTES = 256L << 20;

  /** Graphs, and scratch memory to prove it by. */
  private static final long SPARE_BYTES = 64L << 20;

  private final HeadConfig config;
  private final Optional<Path> launcher;
  private final DoubleSupplier bandwidth = new Bandwidth();
  private @Nullable OutputWorker worker;

  /** Why it does not do; for the life of this process. */
  private @Nullable String unusable;

  /**
   * The processor of this machine.
   *
   * @param launcher the program of which {@code worker} is a command; empty where there is none
   */
  HeadCpu(HeadConfig config, Optional<Path> launcher) {
    this.config = config;
    this.launcher = launcher;
  }

  /** The program that has started this process, in an image or in a tree of sources. */
  static Optional<Path> launcher(Map<String, String> environment) {
    return Optional.ofNullable(environment.get("KNARR_HOME")).map(Path::of).stream()
        .flatMap(home -> Stream.of(home.resolve("bin/knarr"), home.resolve("knarr")))
        .filter(program -> Files.isRegularFile(program) && Files.isExecutable(program))
        .findFirst();
  }

  /** Measured once, when first asked for. */
  private static final class Bandwidth implements DoubleSupplier {
    private double perSecond;

    @Override
    public double getAsDouble() {
      if (perSecond == 0) {
        perSecond = MemoryBandwidth.measure();
        LOG.debug("Memory is read at {} bytes per second", Math.round(perSecond));
      }
      return perSecond;
    }
  }

  /** What the plan may use; empty where it may not. */
  Optional<HeadProcessor> processor() {
    boolean wanted = config.split().output() == OutputPlace.HEAD;
    if (!wanted && (unusable != null || launcher.isEmpty())) {
      return Optional.empty();
    }
    long free = MachineMemory.now().availableBytes() - PROCESS_BYTES - SPARE_BYTES;
    return Optional.of(new HeadProcessor(Math.max(0, free), bandwidth));
  }

  /**
   * Gets ready for a plan, so that the worker it needs is proven.
   *
   * @return false where it cannot be had; then another plan is to be made, without it
   * @throws HeadException when it cannot be had and the user wants it
   */
  boolean provide(Planned plan, Workers workers) throws InterruptedException {
    close();
    workers.noneBeside();
    if (!plan.usesHeadCpu()) {
      return true;
    }
    try {
      if (launcher.isEmpty()) {
        throw new IOException(
            "KNARR_HOME names no folder with the knarr program to start it by: start the head by that program");
      }
      OutputWorker started = OutputWorker.start(launcher.get(), bytes(plan));
      worker = started;
      workers.beside(new HeadConfig.Worker(OutputWorker.NAME, started.address()));
      return true;
    } catch (IOException | HeadException e) {
      close();
      workers.noneBeside();
      unusable =
          "The worker for the output layer on the head's CPU cannot be used: %s. It needs ggml's libraries in the head's image, as ours has them."
              .formatted(e.getMessage());
      if (config.split().output() == OutputPlace.HEAD) {
        throw new HeadException(
            HeadReason.WORKER_UNSUITABLE,
            unusable + " Use such an image, or set split.output to Layers.",
            e);
      }
      LOG.warn("{} The output layer stays with the last layers.", unusable);
      return false;
    }
  }

  /** With a draft each sequence has several rows of logits at once. */
  private long bytes(Planned plan) {
    long planned = plan.split().devices().getLast().usedBytes();
    return SPARE_BYTES + planned + plan.draftOutputBytes();
  }

  /** Ends the worker, if there is one. */
  @Override
  public void close() {
    OutputWorker old = worker;
    worker = null;
    if (old != null) {
      old.close();
    }
  }
}
