// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.head.api.FetchReason;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Keeps two runs from fetching one file at a time. The operating system gives the lock back when
 * its holder dies, however it dies. The empty lock file stays: removing it would let two runs lock
 * two files of the same name.
 */
final class FileLock implements AutoCloseable {
  private static final long POLL_MILLIS = 200;

  private final FileChannel channel;

  private FileLock(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Takes the lock of {@code target}, waiting for another run as long as that makes headway.
   *
   * @param part the file that grows while the other run works
   */
  static FileLock take(Path target, Path part, TransferLimits limits, TransferListener listener)
      throws IOException, InterruptedException {
    var channel =
        FileChannel.open(
            target.resolveSibling(target.getFileName() + ".lock"),
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE);
    try {
      boolean told = false;
      long lastSize = -1;
      long lastGrowth = System.nanoTime();
      while (!tryLock(channel)) {
        if (!told) {
          listener.note(
              "Another run of knarr is fetching %s: waiting for it."
                  .formatted(target.getFileName()));
          told = true;
        }
        long size = Files.exists(part) ? Files.size(part) : 0;
        if (size != lastSize) {
          lastSize = size;
          lastGrowth = System.nanoTime();
        } else if (System.nanoTime() - lastGrowth > limits.lock().toNanos()) {
          throw new ModelException(
              FetchReason.CONFIG_INVALID,
              "Another run of knarr holds %s.lock and has made no headway for %d s: end it and start again."
                  .formatted(target, limits.lock().toSeconds()));
        }
        Thread.sleep(POLL_MILLIS);
      }
      return new FileLock(channel);
    } catch (IOException | InterruptedException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static boolean tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false; // Another thread of this process has it.
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
