// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import dev.knarr.worker.cache.StoreFolder.Unfinished;
import dev.knarr.worker.device.LogGate;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps weights as they arrive: copies them, writes the copies to a file on a thread of its own,
 * and gives the file its name once another thread has worked out what the bytes are called. A
 * client's word for that is not taken. {@link #begin} may be called by any thread.
 *
 * <p>A load is never held up for long: where the disk is slower than the network, the tensor is not
 * kept this time.
 */
final class StoreWriter implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(StoreWriter.class);
  static final int PIECE_BYTES = 4 << 20;

  /** What may wait for the disk: 64 MiB, which are first allocated when something is kept. */
  private static final int PIECES = 16;

  /**
   * How long a tensor may be held up in all: a quarter of a second for each GB, which is a quarter
   * of the time that its client takes to hash it.
   */
  private static final long BYTES_PER_NANO_HELD = 4;

  /** Where processors are few, hashing waits until nothing has arrived for so long. */
  private static final long QUIET_NANOS = Duration.ofMillis(200).toNanos();

  private static final long LONGEST_WAIT_NANOS = Duration.ofMinutes(1).toNanos();
  private static final int FEW_PROCESSORS = 3;

  private static final Duration STOP_LIMIT = Duration.ofSeconds(5);

  private final StoreFolder folder;
  private final CacheEvents events;
  private final LogGate gate = new LogGate(LOG);
  private final Arena arena = Arena.ofShared();
  private final ArrayBlockingQueue<ByteBuffer> free = new ArrayBlockingQueue<>(PIECES);
  private int allocated; // guarded by this
  private final LinkedBlockingQueue<Job> jobs = new LinkedBlockingQueue<>();
  private final LinkedBlockingQueue<Optional<Written>> written = new LinkedBlockingQueue<>();
  private final Thread writing;
  private final Thread naming;
  private volatile long arrivedNanos = System.nanoTime();
  private volatile boolean stopping;

  /** A file that lacks its name only. */
  private record Written(Unfinished file, long nanos) {}

  /** What the writing thread is to do next. */
  private sealed interface Job {
    record Write(Recording recording, ByteBuffer piece) implements Job {}

    record Finish(Recording recording) implements Job {}

    record Abandon(Recording recording) implements Job {}

    record Stop() implements Job {}
  }

  StoreWriter(StoreFolder folder, CacheEvents events) {
    this.folder = folder;
    this.events = events;
    this.writing = Thread.ofPlatform().name("cache-write").daemon(true).start(this::write);
    this.naming = Thread.ofPlatform().name("cache-name").daemon(true).start(this::name);
  }

  /** Begins to keep a tensor of so many bytes; empty when the disk is behind already. */
  Optional<TensorRecording> begin(long bytes) {
    // With less it would most likely be given up half-way.
    if (room() < Math.min(PIECES / 2, Math.ceilDiv(bytes, PIECE_BYTES))) {
      events.cacheDropped(CacheDrop.DISK_SLOW);
      return Optional.empty();
    }
    return Optional.of(new Recording(bytes));
  }

  private synchronized int room() {
    return PIECES - allocated + free.size();
  }

  private synchronized @Nullable ByteBuffer allocate() {
    if (allocated == PIECES || stopping) {
      return null;
    }
    allocated++;
    return arena.allocate(PIECE_BYTES, 64).asByteBuffer();
  }

  /** One tensor on its way to the disk. */
  private final class Recording implements TensorRecording {
    private final long bytes;
    private boolean ended; // the connection's thread's
    private long patienceNanos; // the connection's thread's
    private volatile boolean failed;
    private @Nullable Unfinished file; // the writing thread's
    private long position; // the writing thread's

    Recording(long bytes) {
      this.bytes = bytes;
      this.patienceNanos = bytes / BYTES_PER_NANO_HELD;
    }

    @Override
    public void add(ByteBuffer data) {
      if (failed || ended) {
        return;
      }
      long start = System.nanoTime();
      var piece = piece(patienceNanos);
      patienceNanos -= System.nanoTime() - start;
      if (piece == null) {
        failed = true;
        events.cacheDropped(CacheDrop.DISK_SLOW);
        return;
      }
      piece.clear().put(data.duplicate()).flip();
      arrivedNanos = System.nanoTime();
      jobs.add(new Job.Write(this, piece));
    }

    @Override
    public void finish() {
      if (!ended) {
        ended = true;
        jobs.add(new Job.Finish(this));
      }
    }

    @Override
    public void close() {
      if (!ended) {
        ended = true;
        jobs.add(new Job.Abandon(this));
      }
    }
  }

  private @Nullable ByteBuffer piece(long limitNanos) {
    var piece = free.poll();
    if (piece == null) {
      piece = allocate();
    }
    try {
      return piece == null ? free.poll(limitNanos, TimeUnit.NANOSECONDS) : piece;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return null;
    }
  }

  private void write() {
    while (true) {
      Job job = take(jobs);
      switch (job) {
        case Job.Write(var recording, var piece) -> {
          try {
            if (!recording.failed && !stopping) {
              write(recording, piece);
            }
          } finally {
            free.add(piece);
          }
        }
        case Job.Finish(var recording) -> {
          if (recording.failed || recording.file == null) {
            abandon(recording);
          } else {
            written.add(Optional.of(new Written(recording.file, System.nanoTime())));
          }
        }
        case Job.Abandon(var recording) -> abandon(recording);
        case Job.Stop() -> {
          written.add(Optional.empty());
          return;
        }
      }
    }
  }

  private void write(Recording recording, ByteBuffer piece) {
    try {
      var file = recording.file;
      if (file == null) {
        file = folder.begin(recording.bytes).orElse(null);
        recording.file = file;
      }
      if (file == null) {
        recording.failed = true;
        events.cacheDropped(CacheDrop.OVER_BUDGET);
        return;
      }
      while (piece.hasRemaining()) {
        recording.position += file.file().write(piece, recording.position);
      }
    } catch (IOException e) {
      recording.failed = true;
      failed(e);
    }
  }

  private void failed(IOException e) {
    boolean full = isFull();
    events.cacheDropped(full ? CacheDrop.DISK_FULL : CacheDrop.FAILED);
    LOG.atLevel(gate.level())
        .log(
            "A tensor was not cached in {}: {}. {}",
            folder.path(),
            e.toString(),
            full
                ? "The disk is full: make room, or give --cache-size a lower limit."
                : "Clients are served on; see whether the folder can be written.");
  }

  /** The message of the exception is in the language of the system. */
  private boolean isFull() {
    try {
      return Files.getFileStore(folder.path()).getUsableSpace() < PIECE_BYTES;
    } catch (IOException e) {
      return false;
    }
  }

  private void abandon(Recording recording) {
    if (recording.file != null) {
      folder.abandon(recording.file);
      recording.file = null;
    }
  }

  private void name() {
    for (var next = take(written); next.isPresent(); next = take(written)) {
      var file = next.get().file;
      long since = next.get().nanos;
      try {
        var fingerprint =
            Fingerprint.of(
                file.file(),
                0,
                file.bytes(),
                EntryFile.DIGESTS,
                () -> isStoppingOrElseQuiet(since));
        if (fingerprint.isPresent()) {
          folder.finish(file, fingerprint.get());
          events.cacheStored(file.bytes());
        } else {
          folder.abandon(file);
        }
      } catch (IOException e) {
        folder.abandon(file);
        failed(e);
      }
    }
  }

  /** Waits for a while if hashing would take a processor that a load needs. */
  private boolean isStoppingOrElseQuiet(long since) {
    while (!stopping
        && Runtime.getRuntime().availableProcessors() <= FEW_PROCESSORS
        && System.nanoTime() - arrivedNanos < QUIET_NANOS
        && System.nanoTime() - since < LONGEST_WAIT_NANOS) {
      LockSupport.parkNanos(QUIET_NANOS / 4);
    }
    return stopping;
  }

  private static <T> T take(LinkedBlockingQueue<T> queue) {
    while (true) {
      try {
        return queue.take();
      } catch (InterruptedException e) {
        // Nobody interrupts these threads on purpose: they end by their last job.
      }
    }
  }

  /** Gives up what is not finished; connections must have ended before. */
  @Override
  public void close() {
    stopping = true;
    jobs.add(new Job.Stop());
    try {
      if (writing.join(STOP_LIMIT) && naming.join(STOP_LIMIT)) {
        arena.close();
      } else {
        LOG.warn("The disk of {} has not answered for {}", folder.path(), STOP_LIMIT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
