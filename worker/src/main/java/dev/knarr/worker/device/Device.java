// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import dev.knarr.ggml.GgmlBackend;
import dev.knarr.ggml.GgmlBuffer;
import dev.knarr.ggml.GgmlDevice;
import dev.knarr.ggml.GgmlException;
import dev.knarr.ggml.GgmlFault;
import dev.knarr.ggml.GgmlGraph;
import dev.knarr.ggml.WeightRepack;
import dev.knarr.worker.check.OperationCheck;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A ggml device that clients may use: its backend, the thread that runs it, its memory budget. Any
 * thread may call, except {@link #compute} and {@link #computeOnCpu}, which belong in a task of
 * {@link #submit}.
 */
public final class Device implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Device.class);

  /** Room for the graphs at work, some of which copy operands to the CPU, and for unused ones. */
  private static final long LEAST_WORKING_BYTES = 1L << 30;

  /** Of all clients; the largest models have some 2,000. */
  private static final int MOST_TRACKED_WEIGHTS = 100_000;

  /** Whoever stops a worker has given running graphs their time already. */
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  private final GgmlDevice ggml;
  private final Optional<GgmlDevice> cpu;
  private final int threads;

  /** OpenMP keeps a team of threads for every thread that computes; a team of one costs nothing. */
  private final boolean anyThread;

  private final MemoryBudget budget;

  private final ParkedBuffers parked = new ParkedBuffers();

  /** For what graphs take beside buffers; kept apart so that storing graphs never costs buffers. */
  private final MemoryBudget working;

  private final LogGate refusals = new LogGate(LOG);
  private final AtomicLong scratchBytes = new AtomicLong();
  private final AtomicLong repackedBytes = new AtomicLong();
  private final AtomicLong restores = new AtomicLong();
  private final AtomicInteger trackedWeights = new AtomicInteger();
  private final AtomicInteger trackedPieces = new AtomicInteger();
  private final Optional<WeightRepack> repack;
  private final RunningGraph running = new RunningGraph();
  private final DeviceThread thread;
  private final GgmlBackend backend;
  private Optional<GgmlBackend> cpuBackend = Optional.empty(); // the device thread's
  private volatile boolean computing;

  /**
   * Opens the device.
   *
   * @param ggml the device
   * @param cpu the CPU device, which computes what {@code ggml} cannot; empty if {@code ggml} is it
   * @param threads compute threads of CPU backends, 1 or more
   * @param memoryLimitBytes the most memory to hand out, at most the device's own
   * @param repack whether weights may be put into the device's faster layouts
   */
  public static Device open(
      GgmlDevice ggml,
      Optional<GgmlDevice> cpu,
      int threads,
      long memoryLimitBytes,
      boolean repack) {
    return new Device(ggml, cpu, threads, memoryLimitBytes, repack);
  }

  private Device(
      GgmlDevice ggml,
      Optional<GgmlDevice> cpu,
      int threads,
      long memoryLimitBytes,
      boolean repack) {
    this.ggml = ggml;
    this.cpu = cpu;
    this.threads = threads;
    this.anyThread = threads == 1 || ggml.kind() != GgmlDevice.Kind.CPU;
    this.budget = new MemoryBudget(Math.min(memoryLimitBytes, ggml.memoryTotal()));
    this.working = new MemoryBudget(Math.max(LEAST_WORKING_BYTES, hostBytes() / 4));
    this.repack = repack ? ggml.weightRepack() : Optional.empty();
    this.thread = new DeviceThread(ggml.name());
    try {
      this.backend = openBackend(ggml);
    } catch (RuntimeException e) {
      thread.close(CLOSE_LIMIT);
      throw e;
    }
    running.computesWith(backend);
  }

  private long hostBytes() {
    return cpu.orElse(ggml).memoryTotal();
  }

  private GgmlBackend openBackend(GgmlDevice device) {
    var opened = new GgmlBackend[1];
    run(() -> opened[0] = device.openBackend(threads));
    return opened[0];
  }

  /** ggml's name of the device, such as {@code CPU} or {@code CUDA0}. */
  public String name() {
    return ggml.name();
  }

  /** The ggml device, for its properties. */
  public GgmlDevice ggml() {
    return ggml;
  }

  /** Compute threads of CPU backends. */
  public int threads() {
    return threads;
  }

  /** The CPU device that computes what this one cannot, if there is one. */
  public Optional<GgmlDevice> cpu() {
    return cpu;
  }

  /**
   * Allocates {@code bytes} (0 or more), and drops parked buffers where that makes room; empty when
   * the budget or the device lacks them.
   */
  public Optional<DeviceBuffer> allocate(long bytes) {
    // The system promises more memory than it has, so the host's is looked at before.
    while ((bytes > budget.limitBytes() - budget.usedBytes() || bytes > ggml.memoryFree())
        && parked.dropOldest()) {
      // The next may still be needed.
    }
    if (!budget.reserve(bytes)) {
      LOG.atLevel(refusals.level())
          .log(
              "{}: an allocation of {} bytes is over what is left of the limit of {} bytes ({} are"
                  + " in use); raise --memory-limit or give the model more devices",
              name(),
              bytes,
              budget.limitBytes(),
              budget.usedBytes());
      return Optional.empty();
    }
    try {
      var memory = new GgmlBuffer[1];
      if (ggml.hostMemory()) {
        // A kernel of ggml reads behind its operand; the margin keeps that inside the buffer.
        memory[0] = ggml.allocate(bytes == 0 ? 0 : bytes + OperationCheck.OVERREAD_BYTES);
      } else {
        run(() -> memory[0] = ggml.allocate(bytes));
      }
      return Optional.of(new DeviceBuffer(this, memory[0], bytes, repack));
    } catch (RuntimeException | Error e) {
      budget.release(bytes);
      if (e instanceof GgmlException lack && lack.fault() == GgmlFault.OUT_OF_MEMORY) {
        LOG.atLevel(refusals.level()).log("{}: {}", name(), e.getMessage());
        return Optional.empty();
      }
      throw e;
    }
  }

  /**
   * Bytes that can still be allocated, parked ones among them: the least of what the budget and the
   * device have.
   */
  public long freeBytes() {
    long left = Math.min(ggml.memoryFree(), budget.limitBytes() - budget.usedBytes());
    return Math.clamp(left + parked.bytes(), 0, budget.limitBytes());
  }

  /** The budget, in bytes. */
  public long totalBytes() {
    return budget.limitBytes();
  }

  /** Bytes in buffers of clients. */
  public long allocatedBytes() {
    return Math.max(0, budget.usedBytes() - parked.bytes());
  }

  /** Buffers of clients that have gone and may come back. */
  public ParkedBuffers parked() {
    return parked;
  }

  void released(long bytes) {
    budget.release(bytes);
  }

  /** The layouts into which this device's weights are put, if there are any. */
  public Optional<WeightRepack> repack() {
    return repack;
  }

  /** Bytes of weights that are in a faster layout now. */
  public long repackedBytes() {
    return repackedBytes.get();
  }

  /** How often weights had to be given their plain layout back. */
  public long restores() {
    return restores.get();
  }

  void repacked(long bytes) {
    repackedBytes.addAndGet(bytes);
  }

  /**
   * Whether one more weight may be remembered, which takes heap; {@link #untrackWeights} ends it.
   */
  boolean trackWeight() {
    if (trackedWeights.incrementAndGet() > MOST_TRACKED_WEIGHTS) {
      trackedWeights.decrementAndGet();
      return false;
    }
    return true;
  }

  void untrackWeights(int count) {
    trackedWeights.addAndGet(-count);
  }

  /** Whether one more piece of weights may be remembered; {@link #untrackPieces} ends it. */
  boolean trackPiece() {
    if (trackedPieces.incrementAndGet() > MOST_TRACKED_WEIGHTS) {
      trackedPieces.decrementAndGet();
      return false;
    }
    return true;
  }

  void untrackPieces(int count) {
    trackedPieces.addAndGet(-count);
  }

  void restored() {
    restores.incrementAndGet();
  }

  /**
   * Takes host memory for graphs and what they need beside buffers from a bound of its own, which
   * keeps one client's graphs from ending the process; false, and nothing taken, beyond it.
   */
  public boolean reserveWorking(long bytes) {
    return working.reserve(bytes);
  }

  /** Gives back what {@link #reserveWorking} took. */
  public void releaseWorking(long bytes) {
    working.release(bytes);
  }

  /**
   * What graphs need at once on the CPU beside all of that: ggml allocates it once and keeps it.
   */
  public long scratchBytes() {
    return scratchBytes.get();
  }

  /** Notes that a graph is about to be computed that needs so much. */
  public void usesScratch(long bytes) {
    scratchBytes.accumulateAndGet(bytes, Math::max);
  }

  /**
   * Host memory that can still be had, of the machine or the control group. Not of the limit for
   * buffers: that may be filled to the last byte.
   */
  public long hostFreeBytes() {
    return cpu.orElse(ggml).memoryFree();
  }

  /** Whether so much host memory can be had, if need be by dropping parked buffers. */
  public boolean hasHostMemory(long bytes) {
    while (bytes > hostFreeBytes()) {
      if (!ggml.hostMemory() || !parked.dropOldest()) {
        return false;
      }
    }
    return true;
  }

  /** The most working memory at once. */
  public long workingLimitBytes() {
    return working.limitBytes();
  }

  /** Queues work behind all that was submitted before, by whatever thread. */
  public DeviceTask submit(Runnable work) {
    return thread.submitLast(work);
  }

  /**
   * Queues work behind what the calling thread has submitted before. Threads that submit so take
   * turns.
   */
  public DeviceTask submitInTurn(Runnable work) {
    return thread.submit(work);
  }

  /**
   * Runs short work at once, on the calling thread, if the device is idle.
   *
   * @return whether it was run; if not it must be submitted
   */
  public boolean tryRun(Runnable work) {
    return anyThread && thread.tryRun(work);
  }

  /** Runs work that may call into the backend, when its turn has come, and waits for it. */
  public void run(Runnable work) {
    if (thread.isCurrent()) {
      work.run();
    } else if (!tryRun(work)) {
      thread.submit(work).await();
    }
  }

  /** Runs an access to memory: at once if the host can address it, else when its turn has come. */
  void access(GgmlBuffer memory, Runnable access) {
    if (memory.host()) {
      access.run();
    } else {
      run(access);
    }
  }

  /**
   * Runs a graph, which may be stopped; on the device's thread only.
   *
   * @param graph asks before each of its steps whether it may go on
   * @return how long it took, in nanoseconds
   * @throws dev.knarr.rpc.RpcProtocolException TIMEOUT when it was stopped
   */
  public long runGraph(Consumer<RunningGraph> graph) {
    return running.run(graph);
  }

  /** Ends the graph that runs now, if the backend can, and all that come; any thread. */
  public void stopGraphs() {
    running.stopForGood("the worker stops");
  }

  /** Ends the graph that runs now if it has for longer than {@code limit}; any thread. */
  public void stopGraphOver(Duration limit) {
    running.stopOver(limit);
  }

  /** Whether a graph ends before its next node when it is stopped, and not only between steps. */
  public boolean stopsAtNodes() {
    return backend.stoppable();
  }

  /** Computes a part of a graph and waits for its results; on the device's thread only. */
  public void compute(GgmlGraph graph) {
    backend.compute(graph);
    backend.synchronize();
  }

  /** Computes a graph on the worker's CPU instead; on the device's thread only. */
  public void computeOnCpu(GgmlGraph graph) {
    if (cpuBackend.isEmpty()) {
      cpuBackend = Optional.of(cpu.orElseThrow().openBackend(threads));
      running.computesWith(cpuBackend.get());
    }
    var onCpu = cpuBackend.get();
    onCpu.compute(graph);
    onCpu.synchronize();
  }

  /**
   * Finishes queued work and gives everything back; buffers must have been closed before. A device
   * that goes on computing, since its backend cannot be stopped, is left to the end of the process.
   */
  @Override
  public void close() {
    parked.close();
    stopGraphs();
    var closing =
        submit(
            () -> {
              cpuBackend.ifPresent(GgmlBackend::close);
              backend.close();
            });
    if (thread.close(CLOSE_LIMIT)) {
      closing.await();
    } else {
      computing = true;
      LOG.warn("{} is still computing {} after it was told to stop", name(), CLOSE_LIMIT);
    }
  }

  /**
   * Whether it goes on computing although it was closed: the process must not end in order then.
   */
  public boolean isStillComputing() {
    return computing;
  }
}
