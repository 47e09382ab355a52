// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Work handed to a device. One thread runs it, one thread (the connection that submitted it) may
 * wait for it.
 */
public final class DeviceTask {
  private final Runnable body;
  private @Nullable Throwable failure; // published by done
  private volatile boolean done;
  private volatile @Nullable Thread waiter;

  DeviceTask(Runnable body) {
    this.body = body;
  }

  void run() {
    try {
      body.run();
    } catch (Throwable t) { // the device thread outlives any task; the waiter gets the failure
      failure = t;
    }
  }

  /** Lets the waiting thread go on; after {@link #run}, with the device free for others. */
  void ended() {
    done = true;
    var thread = waiter;
    if (thread != null) {
      LockSupport.unpark(thread);
    }
  }

  /** Whether the work has ended, well or not. */
  public boolean isDone() {
    return done;
  }

  /**
   * Waits for the end of the work as {@link #awaitEnd} does.
   *
   * @throws RuntimeException what the work threw
   */
  public void await() {
    awaitEnd();
    switch (failure) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(failure);
    }
  }

  /**
   * Waits for the end of the work, good or bad. Device work always ends (graphs have a limit in
   * time), so there is none here; an interrupt is kept for the caller.
   */
  public void awaitEnd() {
    if (!done) {
      waiter = Thread.currentThread();
      boolean interrupted = false;
      while (!done) {
        LockSupport.park(this);
        interrupted |= Thread.interrupted();
      }
      waiter = null;
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
