// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts what is open in native code, so that a test, or a gauge, can see what was not closed. Any
 * thread.
 */
public final class GgmlHandles {
  static final AtomicLong BUFFERS = new AtomicLong();
  static final AtomicLong BACKENDS = new AtomicLong();
  static final AtomicLong GRAPHS = new AtomicLong();

  private GgmlHandles() {}

  /** Buffers, backends, graphs and graph builders that are open now. */
  public static long live() {
    return BUFFERS.get() + BACKENDS.get() + GRAPHS.get();
  }

  /** The same number by kind, for a message. */
  public static String describe() {
    return BUFFERS + " buffers, " + BACKENDS + " backends, " + GRAPHS + " graphs";
  }
}
