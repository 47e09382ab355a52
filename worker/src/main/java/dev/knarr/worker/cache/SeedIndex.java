// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import dev.knarr.gguf.GgufException;
import dev.knarr.gguf.GgufFile;
import dev.knarr.gguf.GgufTensor;
import dev.knarr.plan.ByteSize;
import dev.knarr.worker.device.LogGate;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which tensors local model files hold, by the hash that clients use. Files are hashed in the
 * background, several tensors at a time and in the order of the file, as clients load; each can be
 * found as soon as it is done. Looks now and then whether a file has changed. Any thread.
 */
final class SeedIndex implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SeedIndex.class);
  private static final Duration LOOK_EVERY = Duration.ofSeconds(30);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(5);
  private static final int MOST_THREADS = 8;

  private final List<Path> models;
  private final Path folder;
  private final LogGate gate = new LogGate(LOG);
  private final Map<TensorKey, SeedTensor> found = new ConcurrentHashMap<>();
  private final Map<Path, Part> parts = new ConcurrentHashMap<>();
  private final Map<Path, FileStamp> refused = new ConcurrentHashMap<>();
  private final AtomicInteger number = new AtomicInteger();
  private final ExecutorService hashing;
  private final Semaphore wake = new Semaphore(0);
  private final Thread watching;
  private volatile boolean stopping;

  /** Begins to index models in the background. */
  static SeedIndex open(List<Path> models, Path folder) {
    return new SeedIndex(models.stream().map(Path::toAbsolutePath).toList(), folder);
  }

  private SeedIndex(List<Path> models, Path folder) {
    this.models = models;
    this.folder = folder;
    // Half of the processors: the others compute.
    this.hashing =
        Executors.newFixedThreadPool(
            Math.clamp(Runtime.getRuntime().availableProcessors() / 2, 1, MOST_THREADS),
            task ->
                Thread.ofPlatform()
                    .name("seed-" + number.incrementAndGet())
                    .daemon(true)
                    .unstarted(task));
    this.watching = Thread.ofPlatform().name("seed-watch").daemon(true).unstarted(this::watch);
    if (!models.isEmpty()) {
      watching.start();
    }
  }

  /** One file in one state. */
  private static final class Part {
    private final Path path;
    private final FileStamp stamp;
    private final long startedNanos = System.nanoTime();
    private final long bytes;
    private final List<SeedTensor> done = new ArrayList<>(); // guarded by this
    private int left; // guarded by this
    private long savedNanos = startedNanos; // guarded by this
    private volatile boolean stale;

    Part(Path path, FileStamp stamp, long bytes, int tensors) {
      this.path = path;
      this.stamp = stamp;
      this.bytes = bytes;
      this.left = tensors;
    }

    synchronized long doneBytes() {
      return done.stream().mapToLong(tensor -> tensor.fingerprint().key().bytes()).sum();
    }
  }

  Optional<SeedTensor> find(TensorKey key) {
    return Optional.ofNullable(found.get(key));
  }

  /** Forgets the file of a tensor that did not hold what it should, and indexes it again. */
  void renew(SeedTensor tensor) {
    var part = parts.get(tensor.file());
    if (part != null && part.stamp.equals(tensor.stamp())) {
      part.stale = true;
      forget(part);
      wake.release();
    }
  }

  /** How much of what is wanted can be found: 0 to 1. */
  double progress() {
    if (models.isEmpty()) {
      return 1;
    }
    long wanted = parts.values().stream().mapToLong(part -> part.bytes).sum();
    long done = parts.values().stream().mapToLong(Part::doneBytes).sum();
    return wanted == 0 ? (parts.isEmpty() ? 0 : 1) : (double) done / wanted;
  }

  private void watch() {
    while (!stopping) {
      models.forEach(this::look);
      try {
        if (wake.tryAcquire(LOOK_EVERY.toNanos(), TimeUnit.NANOSECONDS)) {
          wake.drainPermits();
        }
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  /** Indexes what is new or has changed of a model. */
  private void look(Path model) {
    try {
      var stamp = FileStamp.of(model);
      var known = parts.get(model);
      boolean unchanged =
          stamp.equals(refused.get(model))
              || (known != null && parts.values().stream().noneMatch(SeedIndex::hasChanged));
      if (unchanged) {
        return;
      }
      index(model, stamp);
    } catch (IOException e) {
      LOG.atLevel(gate.level())
          .log("{} cannot be read: {}. Nothing is found in it; see --seed.", model, e.toString());
    }
  }

  private static boolean hasChanged(Part part) {
    try {
      return part.stale || !FileStamp.of(part.path).equals(part.stamp);
    } catch (IOException e) {
      return true;
    }
  }

  private void index(Path model, FileStamp stamp) throws IOException {
    GgufFile file;
    try {
      file = GgufFile.open(model);
    } catch (GgufException e) {
      refused.put(model, stamp);
      LOG.atLevel(gate.level()).log("No tensors are found in {}: {}", model, e.getMessage());
      return;
    }
    for (int i = 0; i < file.parts().size(); i++) {
      int number = i;
      var path = file.parts().get(i).toAbsolutePath();
      var known = parts.get(path);
      if (known == null || hasChanged(known)) {
        if (known != null) {
          forget(known);
        }
        var tensors =
            file.tensors().stream()
                .filter(tensor -> tensor.part() == number)
                .filter(tensor -> tensor.bytes() >= TensorCache.LEAST_BYTES)
                .toList();
        index(path, FileStamp.of(path), tensors);
      }
    }
  }

  private void index(Path path, FileStamp stamp, List<GgufTensor> tensors) {
    long bytes = tensors.stream().mapToLong(GgufTensor::bytes).sum();
    var saved = IndexFile.read(folder, path, stamp);
    var part = new Part(path, stamp, bytes, tensors.size());
    parts.put(path, part);
    var unknown = new ArrayList<GgufTensor>();
    for (var tensor : tensors) {
      saved.stream()
          .filter(it -> it.offset() == tensor.offset())
          .filter(it -> it.fingerprint().key().bytes() == tensor.bytes())
          .findFirst()
          .ifPresentOrElse(it -> add(part, it), () -> unknown.add(tensor));
    }
    if (unknown.isEmpty()) {
      LOG.info("{}: {} tensors are known by hash", path, tensors.size());
      return;
    }
    LOG.info(
        "{}: {} of {} tensors ({}) are to be hashed",
        path,
        unknown.size(),
        tensors.size(),
        ByteSize.format(unknown.stream().mapToLong(GgufTensor::bytes).sum()));
    for (var tensor : unknown) {
      try {
        hashing.execute(() -> hash(part, tensor));
      } catch (RejectedExecutionException e) {
        return; // The worker stops.
      }
    }
  }

  private void hash(Part part, GgufTensor tensor) {
    if (stopping || part.stale) {
      return;
    }
    try (var file = FileChannel.open(part.path, StandardOpenOption.READ)) {
      var fingerprint =
          Fingerprint.of(
              file,
              tensor.offset(),
              tensor.bytes(),
              IndexFile.DIGESTS,
              () -> stopping || part.stale);
      if (fingerprint.isEmpty()) {
        return;
      }
      if (!FileStamp.of(part.path).equals(part.stamp)) {
        part.stale = true; // The next look begins anew.
        forget(part);
        return;
      }
      add(part, new SeedTensor(part.path, part.stamp, tensor.offset(), fingerprint.get()));
      save(part);
    } catch (IOException e) {
      LOG.atLevel(gate.level())
          .log(
              "{} of {} cannot be read: {}. It is not found until the file changes.",
              tensor.name(),
              part.path,
              e.toString());
    }
  }

  private void add(Part part, SeedTensor tensor) {
    synchronized (part) {
      part.done.add(tensor);
      part.left--;
      // Under the lock, or a part that is being forgotten could leave some behind.
      if (!part.stale) {
        found.put(tensor.fingerprint().key(), tensor);
      }
    }
  }

  /** Saves what is known when all is, and now and then before. */
  private void save(Part part) {
    List<SeedTensor> done;
    synchronized (part) {
      long now = System.nanoTime();
      if (part.stale || (part.left > 0 && now - part.savedNanos < LOOK_EVERY.toNanos())) {
        return;
      }
      part.savedNanos = now;
      done = List.copyOf(part.done);
      if (part.left == 0) {
        LOG.info(
            "{}: {} tensors hashed in {} s",
            part.path,
            done.size(),
            TimeUnit.NANOSECONDS.toSeconds(now - part.startedNanos));
      }
    }
    try {
      IndexFile.write(folder, part.path, part.stamp, done);
    } catch (IOException e) {
      LOG.atLevel(gate.level())
          .log(
              "What {} holds cannot be kept in {}: {}. It is hashed again at the next start.",
              part.path,
              folder,
              e.toString());
    }
  }

  private void forget(Part part) {
    synchronized (part) {
      part.stale = true;
      part.done.forEach(tensor -> found.remove(tensor.fingerprint().key(), tensor));
    }
    try {
      IndexFile.delete(folder, part.path);
    } catch (IOException e) {
      LOG.atLevel(gate.level()).log("{} of {} cannot be removed: {}", part.path, folder, e);
    }
  }

  @Override
  public void close() {
    stopping = true;
    watching.interrupt();
    hashing.shutdown();
    try {
      if (!hashing.awaitTermination(STOP_LIMIT.toNanos(), TimeUnit.NANOSECONDS)) {
        LOG.warn("A seed file has not been read within {}", STOP_LIMIT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
