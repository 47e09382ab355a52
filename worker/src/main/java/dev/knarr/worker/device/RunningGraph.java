// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import dev.knarr.ggml.GgmlBackend;
import dev.knarr.ggml.GgmlException;
import dev.knarr.ggml.GgmlFault;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The graph that a device computes, and its end before its time. The CPU stops before the next
 * node, other backends between the steps of a graph. {@link #run} and {@link #requireNotStopped}
 * belong to the thread that computes; any thread may stop it.
 */
public final class RunningGraph {
  private final List<GgmlBackend> backends = new ArrayList<>();
  private boolean running;
  private long sinceNanos;
  private @Nullable String stopped;
  private boolean stoppedForGood;

  RunningGraph() {}

  /** Lets a backend be stopped from now on. */
  synchronized void computesWith(GgmlBackend backend) {
    backends.add(backend);
  }

  /**
   * Runs a graph from its first step to its last.
   *
   * @return how long it took, in nanoseconds
   * @throws RpcProtocolException TIMEOUT when it was stopped
   */
  long run(Consumer<RunningGraph> graph) {
    long start = begin();
    try {
      graph.accept(this);
    } catch (GgmlException e) {
      if (e.fault() == GgmlFault.STOPPED) {
        requireNotStopped();
      }
      throw e;
    } finally {
      end();
    }
    return System.nanoTime() - start;
  }

  private synchronized long begin() {
    running = true;
    sinceNanos = System.nanoTime();
    return sinceNanos;
  }

  private synchronized void end() {
    running = false;
    if (stopped != null && !stoppedForGood) {
      stopped = null;
      backends.forEach(GgmlBackend::resume);
    }
  }

  /**
   * To be asked before each step.
   *
   * @throws RpcProtocolException TIMEOUT when the graph is to end here
   */
  public synchronized void requireNotStopped() {
    if (stopped != null) {
      throw new RpcProtocolException(ProtocolFault.TIMEOUT, "a graph was stopped: " + stopped);
    }
  }

  /** Stops the graph that runs now, if there is one, and all that come. */
  synchronized void stopForGood(String reason) {
    stoppedForGood = true;
    stop(reason);
  }

  private void stop(String reason) {
    if (stopped == null) {
      stopped = reason;
      backends.forEach(GgmlBackend::stop);
    }
  }

  /** Stops the graph if it has run for longer than {@code limit}. */
  synchronized void stopOver(Duration limit) {
    if (running && System.nanoTime() - sinceNanos > limit.toNanos()) {
      stop("it ran for more than %s (knarr.worker.graph-timeout)".formatted(limit));
    }
  }
}
