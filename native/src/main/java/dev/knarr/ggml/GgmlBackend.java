// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import com.sun.jna.Pointer;
import dev.knarr.ggml.GgmlFunctions.Base;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A device opened for computing. Not thread-safe: it belongs to one thread, a platform thread that
 * lives as long as the backend, since OpenMP keeps a team of workers for every thread that ever
 * computed. Two calls at once are an {@link IllegalStateException} here and would be a crash in
 * ggml.
 */
public final class GgmlBackend implements AutoCloseable {
  private final GgmlDevice device;
  private final long handle;
  private final @Nullable CpuThreadPool pool;
  private final Optional<StopFlag> stopFlag;
  private final AtomicBoolean inUse = new AtomicBoolean();
  private boolean closed;

  private GgmlBackend(GgmlDevice device, long handle, @Nullable CpuThreadPool pool) {
    this.device = device;
    this.handle = handle;
    this.pool = pool;
    this.stopFlag = StopFlag.of(device, handle);
    GgmlHandles.BACKENDS.incrementAndGet();
  }

  /** ggml's own handle. */
  long handle() {
    return handle;
  }

  static GgmlBackend open(GgmlDevice device, long deviceHandle, int threads) {
    long handle = Base.ggml_backend_dev_init(deviceHandle, null);
    if (handle == 0) {
      throw new GgmlException(
          GgmlFault.BACKEND_FAILED,
          device + " cannot be opened for computing; ggml's log says why");
    }
    device
        .function("ggml_backend_set_n_threads")
        .ifPresent(set -> set.invokeVoid(new Object[] {new Pointer(handle), threads}));
    return new GgmlBackend(device, handle, CpuThreadPool.openFor(device, handle, threads));
  }

  /** The device that computes. */
  public GgmlDevice device() {
    return device;
  }

  /** Whether {@link #stop} has an effect: a backend of the CPU can be stopped. */
  public boolean stoppable() {
    return stopFlag.isPresent();
  }

  /**
   * Ends the graph that is being computed, and every later one, before its next node, until {@link
   * #resume}. Any thread, while the backend is open.
   */
  public void stop() {
    stopFlag.ifPresent(flag -> flag.set(true));
  }

  /** Takes {@link #stop} back. */
  public void resume() {
    stopFlag.ifPresent(flag -> flag.set(false));
  }

  /**
   * Computes the graph and waits for it.
   *
   * @throws GgmlException COMPUTE_FAILED, or STOPPED after {@link #stop}
   * @throws IllegalStateException if the graph, one of its buffers or this backend is closed
   */
  public void compute(GgmlGraph graph) {
    int status =
        exclusively(() -> Base.ggml_backend_graph_compute(handle, graph.handleForCompute()));
    if (status != 0) {
      throw new GgmlException(
          fault(status),
          "%s could not compute a graph of %d nodes: %s"
              .formatted(device, graph.nodeCount(), statusText(status)));
    }
  }

  /** Waits for everything this backend was given. */
  public void synchronize() {
    exclusively(
        () -> {
          Base.ggml_backend_synchronize(handle);
          return 0;
        });
  }

  /** Gives the backend and its threads back. Twice is once. */
  @Override
  public void close() {
    if (!inUse.compareAndSet(false, true)) {
      throw new IllegalStateException(
          this + " is computing on another thread and cannot be closed");
    }
    try {
      if (!closed) {
        closed = true;
        Base.ggml_backend_free(handle);
        if (pool != null) {
          pool.close();
        }
        stopFlag.ifPresent(StopFlag::close);
        GgmlHandles.BACKENDS.decrementAndGet();
      }
    } finally {
      inUse.set(false);
    }
  }

  @Override
  public String toString() {
    return "Backend of " + device;
  }

  private interface Call {
    int run();
  }

  private int exclusively(Call call) {
    if (!inUse.compareAndSet(false, true)) {
      throw new IllegalStateException(this + " is in use by another thread");
    }
    try {
      if (closed) {
        throw new IllegalStateException(this + " is closed");
      }
      return call.run();
    } finally {
      inUse.set(false);
    }
  }

  private static GgmlFault fault(int status) {
    return switch (status) {
      case -2 -> GgmlFault.OUT_OF_MEMORY;
      case 1 -> GgmlFault.STOPPED;
      default -> GgmlFault.COMPUTE_FAILED;
    };
  }

  private static String statusText(int status) {
    return switch (status) {
      case -2 -> "it ran out of memory";
      case -1 -> "it failed; ggml's log may say more";
      case 1 -> "it was stopped";
      default -> "status " + status;
    };
  }
}
