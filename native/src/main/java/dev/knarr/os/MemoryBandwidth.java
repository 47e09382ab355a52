// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * How fast this machine's cores read memory together, which bounds how fast they multiply a matrix
 * by one vector. Measured in a tenth of a second.
 */
public final class MemoryBandwidth {
  /** Of each core: together more than the caches of most processors. */
  private static final long BYTES = 64L << 20;

  private static final int ROUNDS = 3;

  private MemoryBandwidth() {}

  /** Bytes per second of the fastest of a few rounds; positive. */
  public static double measure() {
    int cores = Processors.cores();
    // Not one buffer for all: its pages would all be on the memory node of one core.
    try (var threads = Executors.newFixedThreadPool(cores)) {
      var parts = new ArrayList<Future<Long>>();
      for (int i = 0; i < cores; i++) {
        parts.add(threads.submit(MemoryBandwidth::fastestNanos));
      }
      double perSecond = 0;
      for (var part : parts) {
        perSecond += BYTES * 1e9 / Math.max(1, part.get());
      }
      return perSecond;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while memory was measured", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("Memory cannot be measured", e.getCause());
    }
  }

  private static long fastestNanos() {
    try (var arena = Arena.ofConfined()) {
      var memory = arena.allocate(BYTES);
      memory.fill((byte) 1);
      long fastest = Long.MAX_VALUE;
      for (int round = 0; round < ROUNDS; round++) {
        long begin = System.nanoTime();
        if (sum(memory) == 0) {
          throw new IllegalStateException("Memory does not keep what is written to it");
        }
        fastest = Math.min(fastest, System.nanoTime() - begin);
      }
      return fastest;
    }
  }

  /** Four sums, so that none waits for another. */
  private static long sum(MemorySegment memory) {
    long a = 0;
    long b = 0;
    long c = 0;
    long d = 0;
    for (long at = 0; at < BYTES; at += 32) {
      a += memory.get(ValueLayout.JAVA_LONG, at);
      b += memory.get(ValueLayout.JAVA_LONG, at + 8);
      c += memory.get(ValueLayout.JAVA_LONG, at + 16);
      d += memory.get(ValueLayout.JAVA_LONG, at + 24);
    }
    return a | b | c | d;
  }
}
