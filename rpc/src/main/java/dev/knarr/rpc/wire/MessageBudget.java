// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import java.io.IOException;
import java.nio.channels.AsynchronousCloseException;
import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The memory of all messages that a process holds until they are complete and carried out: graphs.
 * Whoever reads one takes its bytes from here first, and waits while others have them. Any thread.
 *
 * <p>Messages of up to {@value #SMALL_BYTES} bytes, which are all that honest clients send, take
 * their bytes as they arrive. Larger ones take all they have announced before the first of it is
 * kept, so that two of them never wait for each other, and together at most half of the budget:
 * there is always room for the small ones.
 */
public final class MessageBudget implements AutoCloseable {
  static final int SMALL_BYTES = 4 << 20;

  private final long limitBytes;
  private final long limitOfLargeBytes;
  private final Duration patience;
  private final ReentrantLock lock = new ReentrantLock(true);
  private final Condition changed = lock.newCondition();
  private long usedBytes;
  private long usedByLargeBytes;
  private boolean closed;

  private MessageBudget(long limitBytes, int largestBytes, Duration patience) {
    this.limitBytes = Math.max(limitBytes, largestBytes);
    this.limitOfLargeBytes = Math.max(limitBytes / 2, largestBytes);
    this.patience = patience;
  }

  /**
   * A budget of its own.
   *
   * @param bytes for all messages at once; more if the largest message needs it
   * @param limits say how large one message may be, which always has room when it is alone
   * @param patience how long a message waits for its bytes before it is refused
   */
  public static MessageBudget of(long bytes, WireLimits limits, Duration patience) {
    return new MessageBudget(bytes, limits.maxGraphBytes(), patience);
  }

  /** For a process with one connection, whose limits are all that has to be kept. */
  public static MessageBudget unlimited() {
    return new MessageBudget(Long.MAX_VALUE, 0, Duration.ZERO);
  }

  /** Bytes of messages held now. */
  public long usedBytes() {
    lock.lock();
    try {
      return usedBytes;
    } finally {
      lock.unlock();
    }
  }

  /** The most bytes of messages at once. */
  public long limitBytes() {
    return limitBytes;
  }

  /** What one message has taken. One thread. */
  final class Share {
    private final long announcedBytes;
    private final boolean large;
    private long bytes;

    private Share(long announcedBytes) {
      this.announcedBytes = announcedBytes;
      this.large = announcedBytes > SMALL_BYTES;
    }

    /**
     * Has taken at least {@code wantedBytes} when it returns.
     *
     * @throws RpcProtocolException BUDGET_EXCEEDED when others kept them too long
     * @throws IOException when the budget was closed
     */
    void growTo(long wantedBytes) throws IOException {
      long missing = (large ? announcedBytes : wantedBytes) - bytes;
      if (missing > 0) {
        take(missing, large);
        bytes += missing;
      }
    }

    void giveBack() {
      if (bytes > 0) {
        give(bytes, large);
        bytes = 0;
      }
    }
  }

  /** The share of a message that has announced so many bytes, with none of them taken yet. */
  Share share(long announcedBytes) {
    return new Share(announcedBytes);
  }

  private void take(long bytes, boolean large) throws IOException {
    lock.lock();
    try {
      long left = patience.toNanos();
      while (!fits(bytes, large)) {
        if (closed) {
          throw new AsynchronousCloseException();
        }
        if (left <= 0) {
          throw new RpcProtocolException(
              ProtocolFault.BUDGET_EXCEEDED,
              "%d bytes of a message found no room within %s: messages of all clients hold %d of %d bytes"
                  .formatted(bytes, patience, usedBytes, limitBytes));
        }
        left = changed.awaitNanos(left);
      }
      usedBytes += bytes;
      if (large) {
        usedByLargeBytes += bytes;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AsynchronousCloseException();
    } finally {
      lock.unlock();
    }
  }

  private boolean fits(long bytes, boolean large) {
    return bytes <= limitBytes - usedBytes
        && (!large || bytes <= limitOfLargeBytes - usedByLargeBytes);
  }

  private void give(long bytes, boolean large) {
    lock.lock();
    try {
      usedBytes -= bytes;
      if (large) {
        usedByLargeBytes -= bytes;
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Ends all waiting, for a server that stops. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
