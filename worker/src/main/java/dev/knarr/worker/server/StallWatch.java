// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.wire.TransferProgress.Mark;
import java.time.Duration;

/**
 * Finds out when one direction of a connection has waited for its peer too long: in the middle of a
 * message, with hardly a byte of it moving. Between messages a client may be silent for ever. One
 * thread, which looks about once a second.
 */
final class StallWatch {
  /** What has to move of a large message in that time; less is no honest network. */
  private static final long LEAST_BYTES = 1 << 20;

  private final long limitNanos;
  private Mark last = new Mark(-1, 0, false);
  private long sinceNanos;

  StallWatch(Duration limit) {
    this.limitNanos = limit.toNanos();
  }

  /** Whether the peer has stalled, at a time of {@link System#nanoTime}. */
  boolean hasStalled(Mark mark, long nowNanos) {
    if (!mark.waiting()
        || mark.messages() != last.messages()
        || mark.bytes() - last.bytes() >= LEAST_BYTES) {
      last = mark;
      sinceNanos = nowNanos;
      return false;
    }
    return nowNanos - sinceNanos >= limitNanos;
  }
}
