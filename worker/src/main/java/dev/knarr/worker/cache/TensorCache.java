// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import dev.knarr.plan.ByteSize;
import dev.knarr.worker.cache.CheckedReader.Source;
import dev.knarr.worker.device.DeviceBuffer;
import dev.knarr.worker.device.LogGate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds weights by the hash that clients send before large ones, and routers before all, and keeps
 * those that arrive. Looks in the cache folder, then in the seed files, then in device memory,
 * since digests are checked by several threads and the protocol's hash by one only. Any thread may
 * call; a {@link DeviceBuffer} is touched by its owner's calls only.
 */
public final class TensorCache implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TensorCache.class);

  /** What is shorter is sent faster than it is found. */
  public static final long LEAST_BYTES = 1 << 10;

  /**
   * What is shorter gets no file of its own: a model of 7B has 65 such tensors, norms and biases,
   * which are 0.03 % of it, beside 225 others.
   */
  public static final long LEAST_FILE_BYTES = 64 << 10;

  private final boolean enabled;
  private final CacheEvents events;
  private final LogGate gate = new LogGate(LOG);
  private final CheckedReader reader = new CheckedReader();
  private final ResidentTensors residents = new ResidentTensors();
  private final @Nullable StoreFolder folder;
  private final @Nullable StoreWriter writer;
  private final SeedIndex seeds;

  /**
   * What a cache is opened with.
   *
   * @param folder where to keep weights, or empty to keep none
   * @param budgetBytes what all files there may take; empty is half of what the disk has free or
   *     the cache has taken already
   * @param seeds models to find weights in; of a model in parts, any part
   * @param indexFolder where to keep what seed files hold when {@code folder} is empty
   */
  public record Settings(
      Optional<Path> folder, OptionalLong budgetBytes, List<Path> seeds, Path indexFolder) {
    /**
     * Whether there is anything to find or to keep. Without, clients do not even find each other's
     * weights: their hash can be imitated, so that is for clients that trust each other.
     */
    public boolean enabled() {
      return folder.isPresent() || !seeds.isEmpty();
    }
  }

  /**
   * Opens the cache and begins to index seeds.
   *
   * @throws IOException if the folder cannot be made or written
   */
  public static TensorCache open(Settings settings, CacheEvents events) throws IOException {
    StoreFolder store = null;
    if (settings.folder.isPresent()) {
      var path = settings.folder.get().toAbsolutePath();
      Files.createDirectories(path);
      long budget =
          settings.budgetBytes.isPresent() ? settings.budgetBytes.getAsLong() : defaultBudget(path);
      store = StoreFolder.open(path.resolve("tensors"), budget, InstantSource.system(), events);
      LOG.info(
          "Tensor cache {}: {} of {} are taken",
          path,
          ByteSize.format(store.usedBytes()),
          ByteSize.format(budget));
    }
    return new TensorCache(settings, store, events);
  }

  private static long defaultBudget(Path folder) throws IOException {
    long cached = 0;
    var tensors = folder.resolve("tensors");
    if (Files.isDirectory(tensors)) {
      try (var files = Files.newDirectoryStream(tensors)) {
        for (var file : files) {
          cached += file.toFile().length();
        }
      }
    }
    return (Files.getFileStore(folder).getUsableSpace() + cached) / 2;
  }

  private TensorCache(Settings settings, @Nullable StoreFolder folder, CacheEvents events) {
    this.enabled = settings.enabled();
    this.events = events;
    this.folder = folder;
    this.writer = folder == null ? null : new StoreWriter(folder, events);
    this.seeds =
        SeedIndex.open(
            settings.seeds,
            settings.folder.map(path -> path.resolve("seeds")).orElse(settings.indexFolder));
  }

  /** Bytes in the folder, as of the last look. */
  public long usedBytes() {
    return folder == null ? 0 : folder.usedBytes();
  }

  /** What all files in the folder may take; 0 without one. */
  public long budgetBytes() {
    return folder == null ? 0 : folder.budgetBytes();
  }

  /** How much of the seed files' large tensors can be found by now: 0 to 1, 1 without seeds. */
  public double seedProgress() {
    return seeds.progress();
  }

  /**
   * Writes the data of a hash to a buffer of the calling connection, if it is to be had.
   *
   * @param bytes how much the client means: all of its tensor from the offset on
   * @return whether the bytes are there and proven; if not, what the range holds is not defined
   */
  public boolean load(long hash, DeviceBuffer target, long at, long bytes) {
    if (!enabled || bytes < LEAST_BYTES) {
      return false;
    }
    var key = new TensorKey(hash, bytes);
    Optional<CacheTier> found =
        bytes >= LEAST_FILE_BYTES && loadFromFolder(key, target, at)
            ? Optional.of(CacheTier.FILE)
            : loadFromSeeds(key, target, at)
                ? Optional.of(CacheTier.SEED)
                : residents.load(key, target, at)
                    ? Optional.of(CacheTier.MEMORY)
                    : Optional.empty();
    if (found.isPresent()) {
      residents.add(key, target, at);
      events.cacheHit(found.get(), bytes);
    } else {
      target.unwritten(at, bytes);
      events.cacheMissed(bytes);
    }
    return found.isPresent();
  }

  private boolean loadFromFolder(TensorKey key, DeviceBuffer target, long at) {
    if (folder == null) {
      return false;
    }
    try {
      var source = folder.find(key);
      if (source.isEmpty()) {
        return false;
      }
      read(source.get(), target, at);
      folder.used(source.get().path());
      return true;
    } catch (CacheException e) {
      events.cacheRejected(e.fault());
      LOG.atLevel(gate.level())
          .log("Cached data is not used but removed ({}): {}", e.fault(), e.getMessage());
      remove(folder, key);
      return false;
    }
  }

  private void remove(StoreFolder store, TensorKey key) {
    try {
      store.remove(key);
    } catch (IOException e) {
      LOG.atLevel(gate.level())
          .log("{} cannot be removed from {}: {}; remove it by hand", key, store.path(), e);
    }
  }

  private boolean loadFromSeeds(TensorKey key, DeviceBuffer target, long at) {
    var tensor = seeds.find(key);
    if (tensor.isEmpty()) {
      return false;
    }
    try {
      read(tensor.get().open(), target, at);
      return true;
    } catch (CacheException e) {
      events.cacheRejected(e.fault());
      LOG.atLevel(gate.level())
          .log("A seed file is not used and indexed again ({}): {}", e.fault(), e.getMessage());
      seeds.renew(tensor.get());
      return false;
    }
  }

  private void read(Source source, DeviceBuffer target, long at) {
    try (var file = source.file()) {
      reader.read(source, target, at);
    } catch (IOException e) {
      throw new CacheException(
          CacheFault.UNREADABLE, "%s cannot be closed: %s".formatted(source.path(), e), e);
    }
  }

  /** Begins to keep weights that a client sends; empty when they are not to be kept. */
  public Optional<TensorRecording> record(long bytes) {
    return writer == null || bytes < LEAST_FILE_BYTES ? Optional.empty() : writer.begin(bytes);
  }

  /** Notes that a client has sent the data that it calls {@code hash} to its buffer. */
  public void arrived(long hash, DeviceBuffer buffer, long at, long bytes) {
    if (enabled && bytes >= LEAST_BYTES) {
      residents.add(new TensorKey(hash, bytes), buffer, at);
    }
  }

  /** Counts data that its buffer still had. */
  public void stayed(long bytes) {
    events.cacheHit(CacheTier.PARKED, bytes);
  }

  /** Must be called before a buffer is closed, by its owner; waits until nobody reads it. */
  public void withdraw(DeviceBuffer buffer) {
    residents.withdraw(buffer);
  }

  /** Gives up what is not finished. Connections must have ended before. */
  @Override
  public void close() {
    seeds.close();
    if (writer != null) {
      writer.close();
    }
    reader.close();
  }
}
