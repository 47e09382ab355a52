// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

/**
 * A compiled graph among those that compute it, and those that would like its memory: it is closed
 * when it has been given up and nobody is about to compute it. Any thread.
 */
public final class NativeGraph {
  private final CompiledGraph compiled;
  private final NativeGraphs owner;
  private int users = 1;
  private boolean givenUp;
  private volatile long usedNanos = System.nanoTime();

  /** With one use, the caller's. */
  NativeGraph(CompiledGraph compiled, NativeGraphs owner) {
    this.compiled = compiled;
    this.owner = owner;
  }

  /** Computes it as {@link CompiledGraph#compute} does and ends one use, well or not. */
  public long compute() {
    try {
      return compiled.compute();
    } finally {
      release();
    }
  }

  /** As {@link CompiledGraph#isBrief}. */
  public boolean isBrief() {
    return compiled.isBrief();
  }

  /** As {@link CompiledGraph#fallbackNodes}. */
  public int fallbackNodes() {
    return compiled.fallbackNodes();
  }

  long nativeBytes() {
    return compiled.nativeBytes();
  }

  /** When it was last wanted, on the clock of {@link System#nanoTime}. */
  long usedNanos() {
    return usedNanos;
  }

  /** Whether it could be closed now. */
  synchronized boolean unused() {
    return users == 0 && !givenUp;
  }

  /** Begins a use, which {@link #compute} ends; false if it is, or is about to be, closed. */
  synchronized boolean acquire() {
    if (givenUp) {
      return false;
    }
    users++;
    usedNanos = System.nanoTime();
    return true;
  }

  /** Ends one use without computing. */
  public void release() {
    boolean close;
    synchronized (this) {
      if (--users > 0) {
        return;
      }
      close = givenUp;
    }
    if (close) {
      close();
    } else {
      owner.unused();
    }
  }

  /** Has it closed, at once or after its last use. */
  void giveUp() {
    boolean unused;
    synchronized (this) {
      unused = unused();
      givenUp = true;
    }
    if (unused) {
      close();
    }
  }

  /** Closes it if nobody uses it. */
  boolean giveUpIfUnused() {
    synchronized (this) {
      if (!unused()) {
        return false;
      }
      givenUp = true;
    }
    close();
    return true;
  }

  private void close() {
    compiled.close();
    owner.closed(this);
  }
}
