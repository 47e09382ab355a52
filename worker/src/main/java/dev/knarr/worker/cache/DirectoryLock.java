// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Lets one worker at a time make room in a folder. The operating system gives the lock back when
 * its holder dies, however it dies; the empty lock file stays. Any thread.
 */
final class DirectoryLock implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(5);
  private static final long POLL_MILLIS = 5;

  /** Locks of files hold between processes only. */
  private static final ReentrantLock WITHIN = new ReentrantLock();

  private final FileChannel channel;

  private DirectoryLock(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Takes the lock of a folder.
   *
   * @throws IOException if that cannot be done within 5 s
   */
  static DirectoryLock take(Path folder) throws IOException {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    try {
      if (!WITHIN.tryLock(LIMIT.toNanos(), TimeUnit.NANOSECONDS)) {
        throw busy(folder);
      }
      FileChannel channel = null;
      try {
        channel =
            FileChannel.open(
                folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        while (channel.tryLock() == null) {
          if (System.nanoTime() > deadline) {
            throw busy(folder);
          }
          Thread.sleep(POLL_MILLIS);
        }
        return new DirectoryLock(channel);
      } catch (IOException | InterruptedException | RuntimeException e) {
        if (channel != null) {
          channel.close();
        }
        WITHIN.unlock();
        throw e;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("Interrupted while waiting for the lock of " + folder, e);
    }
  }

  private static IOException busy(Path folder) {
    return new IOException(
        "Another worker has held %s for %d s".formatted(folder.resolve("lock"), LIMIT.toSeconds()));
  }

  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      WITHIN.unlock();
    }
  }
}
