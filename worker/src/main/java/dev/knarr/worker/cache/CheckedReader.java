// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import dev.knarr.worker.device.DeviceBuffer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Brings data from a file into device memory and proves it there, with several threads at once: one
 * alone makes 1.6 GB/s of SHA-256. Any thread may call.
 */
final class CheckedReader implements AutoCloseable {
  private static final int MOST_THREADS = 8;

  private final int threads =
      Math.clamp(Runtime.getRuntime().availableProcessors(), 1, MOST_THREADS);
  private final AtomicInteger number = new AtomicInteger();
  private final ExecutorService readers =
      Executors.newFixedThreadPool(
          threads,
          task ->
              Thread.ofPlatform()
                  .name("cache-read-" + number.incrementAndGet())
                  .daemon(true)
                  .unstarted(task));

  /**
   * Data in a file.
   *
   * @param offset where it begins
   * @param digests what it must be
   */
  record Source(Path path, FileChannel file, long offset, long bytes, ChunkDigests digests) {}

  /**
   * Fills {@code target} from {@code at} on. Returns only when nothing touches the target any more;
   * after a throw what the range holds is not defined.
   *
   * @throws CacheException when the data cannot be read or is not what it must be
   */
  void read(Source source, DeviceBuffer target, long at) {
    int chunks = ChunkDigests.chunks(source.bytes);
    target.overwrite(at, source.bytes);
    if (target.host()) {
      var views = new ArrayList<ByteBuffer>(chunks);
      for (int i = 0; i < chunks; i++) {
        views.add(target.viewForWrite(at + start(i), ChunkDigests.chunkBytes(source.bytes, i)));
      }
      readChunks(source, 0, views);
      return;
    }
    try (Arena arena = Arena.ofShared()) {
      var staging = new ArrayList<ByteBuffer>(threads);
      for (int i = 0; i < Math.min(threads, chunks); i++) {
        staging.add(arena.allocate(ChunkDigests.CHUNK_BYTES, 64).asByteBuffer());
      }
      for (int first = 0; first < chunks; first += threads) {
        var batch = staging.subList(0, Math.min(threads, chunks - first));
        for (int i = 0; i < batch.size(); i++) {
          batch.get(i).clear().limit(ChunkDigests.chunkBytes(source.bytes, first + i));
        }
        readChunks(source, first, batch);
        for (int i = 0; i < batch.size(); i++) {
          target.write(at + start(first + i), batch.get(i));
        }
      }
    }
  }

  private static long start(int chunk) {
    return (long) chunk * ChunkDigests.CHUNK_BYTES;
  }

  /** The caller reads too: it need not wait for other threads to wake up. */
  private void readChunks(Source source, int first, List<ByteBuffer> targets) {
    var reading = new Reading(source, first, targets);
    for (int helper = 1; helper < Math.min(threads, targets.size()); helper++) {
      try {
        readers.execute(reading);
      } catch (RejectedExecutionException e) {
        break; // The worker stops, and this client is late.
      }
    }
    reading.run();
    reading.awaitAll();
    var failed = reading.failure.get();
    if (failed != null) {
      throw failed;
    }
  }

  /** Chunks that several threads take one by one; who comes late finds none left. */
  private static final class Reading implements Runnable {
    private final Source source;
    private final int first;
    private final List<ByteBuffer> targets;
    private final AtomicInteger next = new AtomicInteger();
    private final CountDownLatch unread;
    private final AtomicReference<@Nullable CacheException> failure = new AtomicReference<>();

    Reading(Source source, int first, List<ByteBuffer> targets) {
      this.source = source;
      this.first = first;
      this.targets = targets;
      this.unread = new CountDownLatch(targets.size());
    }

    @Override
    public void run() {
      for (int i = next.getAndIncrement(); i < targets.size(); i = next.getAndIncrement()) {
        try {
          if (failure.get() == null) {
            readChunk(source, first + i, targets.get(i));
          }
        } catch (CacheException e) {
          failure.compareAndSet(null, e);
        } catch (RuntimeException | Error e) {
          failure.compareAndSet(
              null, new CacheException(CacheFault.UNREADABLE, source.path + ": " + e, e));
        } finally {
          unread.countDown();
        }
      }
    }

    /** Others hold views of the target: whatever happens, they must have ended first. */
    void awaitAll() {
      boolean interrupted = false;
      while (true) {
        try {
          unread.await();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static void readChunk(Source source, int chunk, ByteBuffer target) {
    try {
      if (!ChunkDigests.readFully(source.file, source.offset + start(chunk), target.duplicate())) {
        throw new CacheException(CacheFault.TRUNCATED, source.path + " ends too early");
      }
    } catch (IOException e) {
      throw new CacheException(
          CacheFault.UNREADABLE, "%s cannot be read: %s".formatted(source.path, e), e);
    }
    if (!source.digests.matches(chunk, target)) {
      throw new CacheException(
          CacheFault.WRONG_BYTES,
          "%s holds other bytes than it should, within the 4 MiB from %d on"
              .formatted(source.path, source.offset + start(chunk)));
    }
  }

  @Override
  public void close() {
    readers.shutdown();
  }
}
