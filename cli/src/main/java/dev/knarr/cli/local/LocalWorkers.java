// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.cli.terminal.ProgressLine;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.os.MachineMemory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/** Starts the workers of a cluster as processes of this machine. Called by the cluster's thread. */
final class LocalWorkers {
  /** A JVM on a busy machine, and a GPU's driver that wakes up. */
  private static final Duration START_LIMIT = Duration.ofMinutes(2);

  private static final long POLL_MILLIS = 20;

  private final Installation installation;
  private final RunFolder folder;
  private final ProgressLine progress;

  LocalWorkers(Installation installation, RunFolder folder, ProgressLine progress) {
    this.installation = installation;
    this.folder = folder;
    this.progress = progress;
  }

  /** The arguments of one worker. */
  static List<String> arguments(
      LocalSpec.WorkerSpec worker, int threads, MachineMemory memory, int cpuWorkers) {
    var arguments =
        new ArrayList<>(
            List.of(
                "worker",
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                "--management-port",
                "0",
                "--threads",
                Integer.toString(threads)));
    for (var device : worker.devices()) {
      arguments.add("--device");
      arguments.add(device);
    }
    if (worker.onCpu()) {
      arguments.add("--memory-limit");
      arguments.add(Long.toString(cpuLimitBytes(worker, memory, cpuWorkers)));
    } else {
      worker
          .memoryLimitBytes()
          .ifPresent(bytes -> arguments.addAll(List.of("--memory-limit", Long.toString(bytes))));
    }
    return arguments;
  }

  /** What a worker on the CPU may hand out: its share, or less where the file says so. */
  static long cpuLimitBytes(LocalSpec.WorkerSpec worker, MachineMemory memory, int cpuWorkers) {
    return Math.min(
        memory.shareBytes(cpuWorkers), worker.memoryLimitBytes().orElse(Long.MAX_VALUE));
  }

  /** Threads of each worker: an equal part of the processors, at least one. */
  static int threads(OptionalInt asked, int processors, int workers) {
    return asked.orElse(Math.max(1, processors / Math.max(1, workers)));
  }

  /** Starts all workers at once; they come up in parallel. */
  List<ChildProcess> start(
      LocalSpec spec, int threads, java.util.function.Consumer<ChildProcess> owner) {
    var memory = MachineMemory.now();
    var children = new ArrayList<ChildProcess>();
    for (var worker : spec.workers()) {
      var child =
          ChildProcess.start(
              installation,
              folder,
              worker.name(),
              arguments(worker, threads, memory, spec.cpuWorkers()),
              // Two busy OpenMP pools on the same processors collapse.
              Map.of("OMP_NUM_THREADS", Integer.toString(threads)));
      owner.accept(child);
      children.add(child);
    }
    return children;
  }

  /** Waits until all have opened their ports. */
  List<HeadConfig.Worker> await(List<ChildProcess> children) throws InterruptedException {
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (true) {
      var up = new ArrayList<HeadConfig.Worker>();
      for (var child : children) {
        var announcement = Announcement.read(child.announcement());
        if (announcement.isPresent()) {
          up.add(new HeadConfig.Worker(child.part(), announcement.get().rpc()));
        } else if (!child.isAlive()) {
          throw new LocalException(Endings.worker(child));
        } else if (System.nanoTime() > deadline) {
          throw new LocalException(
              "Worker %s has not opened its port within %d s. Its log %s ends with:%n%s"
                  .formatted(
                      child.part(),
                      START_LIMIT.toSeconds(),
                      child.log(),
                      Endings.lastLines(child.log())));
        }
      }
      if (up.size() == children.size()) {
        return up;
      }
      progress.update(
          "workers", "Starting workers: %d of %d …".formatted(up.size(), children.size()));
      Thread.sleep(POLL_MILLIS);
    }
  }
}
