// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.rpc.RouteRequest.Range;
import java.util.ArrayList;
import java.util.List;

/**
 * A graph over certain buffers of a device, and what the client reads once it is computed. The
 * client's thread only.
 */
final class GraphUse {
  private static final int UNBOUND = -1;

  /** What one graph's results are read by; more is no result but somebody looking around. */
  private static final int MOST_READS = 16;

  private static final long MOST_BYTES = 8 << 20;

  private final Key key;
  private int binding = UNBOUND;
  private List<Range> expected = List.of();
  private List<Range> reads = new ArrayList<>();

  /** What makes two uses the same. */
  record Key(int device, WorkerGraphs.Content content, List<Long> buffers) {}

  GraphUse(Key key) {
    this.key = key;
  }

  Key key() {
    return key;
  }

  boolean bound() {
    return binding != UNBOUND;
  }

  int binding() {
    return binding;
  }

  void bind(int name) {
    binding = name;
  }

  void unbind() {
    binding = UNBOUND;
  }

  /** The client has read a range before anything else was computed. */
  void read(Range range) {
    if (reads.size() < MOST_READS && range.bytes() <= MOST_BYTES) {
      reads.add(range);
    }
  }

  /** Something else is computed now: what was read this time is expected the next. */
  void passed() {
    expected = reads;
    reads = new ArrayList<>();
  }

  /** What the client read the last time. */
  List<Range> expected() {
    return expected;
  }
}
