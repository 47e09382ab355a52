// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import dev.knarr.worker.cache.CheckedReader.Source;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A folder of cached files that several workers may share. What is found is complete, since files
 * get their name by a rename; whether it is right, its digests say. A file may vanish at any time,
 * which is a miss. Any thread.
 */
final class StoreFolder {
  /**
   * What was used so lately is not evicted: a model larger than the budget would otherwise push
   * itself out while it is loaded, and nothing of it would be found the next time.
   */
  static final Duration KEPT_AT_LEAST = Duration.ofMinutes(10);

  private static final Pattern ENTRY = Pattern.compile("[0-9a-f]{16}-\\d{1,19}");

  /** Owner, number and the size that it will have. */
  private static final Pattern UNFINISHED = Pattern.compile("new-([0-9a-f]{16})-\\d+-(\\d{1,19})");

  /** Not the process's number: two containers that share a folder may both have number 1. */
  private static final String OWNER =
      HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());

  private static final AtomicLong NUMBER = new AtomicLong();

  private final Path folder;
  private final long budgetBytes;
  private final InstantSource clock;
  private final CacheEvents events;
  private final AtomicLong usedBytes = new AtomicLong();

  /**
   * A file that is being written. Its lock says that its writer lives.
   *
   * @param bytes of the data, without the trailer
   */
  record Unfinished(Path path, FileChannel file, long bytes) {}

  private record Entry(Path path, long bytes, FileTime used) {}

  private record Content(List<Entry> entries, long unfinishedBytes) {
    long bytes() {
      return unfinishedBytes + entries.stream().mapToLong(Entry::bytes).sum();
    }
  }

  /**
   * Opens a folder, makes it if need be, removes what dead writers have left, and makes it fit its
   * budget.
   *
   * @throws IOException if it cannot be made or written
   */
  static StoreFolder open(Path folder, long budgetBytes, InstantSource clock, CacheEvents events)
      throws IOException {
    Files.createDirectories(folder);
    var store = new StoreFolder(folder, budgetBytes, clock, events);
    try (var _ = DirectoryLock.take(folder)) {
      store.makeRoom(0, clock.instant());
    }
    return store;
  }

  private StoreFolder(Path folder, long budgetBytes, InstantSource clock, CacheEvents events) {
    this.folder = folder;
    this.budgetBytes = budgetBytes;
    this.clock = clock;
    this.events = events;
  }

  Path path() {
    return folder;
  }

  long budgetBytes() {
    return budgetBytes;
  }

  /** Bytes of all files, other workers' too, when the folder was last looked through. */
  long usedBytes() {
    return usedBytes.get();
  }

  /**
   * Opens the file of some data; its channel is the caller's to close.
   *
   * @throws CacheException when there is one that cannot be used
   */
  Optional<Source> find(TensorKey key) {
    var path = folder.resolve(key.toString());
    FileChannel file = null;
    try {
      file = FileChannel.open(path, StandardOpenOption.READ);
      var digests = EntryFile.readTrailer(file, path, key);
      var source = new Source(path, file, 0, key.bytes(), digests);
      file = null;
      return Optional.of(source);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw new CacheException(
          CacheFault.UNREADABLE, "%s cannot be read: %s".formatted(path, e), e);
    } finally {
      closeQuietly(file);
    }
  }

  /** Notes that an entry was of use, for those who evict. */
  void used(Path entry) {
    try {
      Files.setLastModifiedTime(entry, FileTime.from(clock.instant()));
    } catch (IOException _) {
      // Evicted meanwhile, or the folder is read-only: it is then as old as it was.
    }
  }

  /** Removes an entry that is of no use. */
  void remove(TensorKey key) throws IOException {
    var entry = folder.resolve(key.toString());
    long bytes = Files.exists(entry) ? Files.size(entry) : 0;
    if (Files.deleteIfExists(entry)) {
      usedBytes.addAndGet(-bytes);
    }
  }

  /**
   * Makes room for an entry and begins its file, which counts with the size that it will have.
   *
   * @param bytes of the data
   * @return empty when there is no room, since all that is there was used lately
   */
  Optional<Unfinished> begin(long bytes) throws IOException {
    long fileBytes = EntryFile.fileBytes(bytes);
    try (var _ = DirectoryLock.take(folder)) {
      if (!makeRoom(fileBytes, clock.instant().minus(KEPT_AT_LEAST))) {
        return Optional.empty();
      }
      var path =
          folder.resolve("new-%s-%d-%d".formatted(OWNER, NUMBER.incrementAndGet(), fileBytes));
      var file =
          FileChannel.open(
              path,
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE);
      try {
        // Held until the file is closed; under the folder's lock, so that nobody takes the file of
        // a living writer for a dead one's.
        file.tryLock();
      } catch (IOException e) {
        file.close();
        Files.deleteIfExists(path);
        throw e;
      }
      usedBytes.addAndGet(fileBytes);
      return Optional.of(new Unfinished(path, file, bytes));
    }
  }

  /**
   * Makes a written file an entry. Nothing is forced to the disk: after a power cut an entry may be
   * damaged, which its digests show, and a load would be slowed down by every one.
   */
  void finish(Unfinished unfinished, Fingerprint fingerprint) throws IOException {
    var trailer = EntryFile.trailer(fingerprint);
    long at = unfinished.bytes;
    while (trailer.hasRemaining()) {
      at += unfinished.file.write(trailer, at);
    }
    var entry = folder.resolve(fingerprint.key().toString());
    Files.setLastModifiedTime(unfinished.path, FileTime.from(clock.instant()));
    Files.move(unfinished.path, entry, StandardCopyOption.ATOMIC_MOVE);
    unfinished.file.close();
  }

  /** Gives up a file that was begun. */
  void abandon(Unfinished unfinished) {
    try {
      Files.deleteIfExists(unfinished.path);
      usedBytes.addAndGet(-EntryFile.fileBytes(unfinished.bytes));
    } catch (IOException _) {
      // Whoever looks through the folder next removes it.
    } finally {
      closeQuietly(unfinished.file);
    }
  }

  /** Evicts the longest unused until so many bytes fit; nothing if that would not be enough. */
  private boolean makeRoom(long bytes, Instant usedBefore) throws IOException {
    var content = content();
    long excess = content.bytes() + bytes - budgetBytes;
    var evictable =
        content.entries.stream()
            .filter(entry -> entry.used.toInstant().isBefore(usedBefore))
            .sorted(Comparator.comparing(Entry::used))
            .toList();
    usedBytes.set(content.bytes());
    if (excess > evictable.stream().mapToLong(Entry::bytes).sum()) {
      return false;
    }
    for (var entry : evictable) {
      if (excess <= 0) {
        break;
      }
      Files.deleteIfExists(entry.path);
      excess -= entry.bytes;
      usedBytes.addAndGet(-entry.bytes);
      events.cacheEvicted(entry.bytes);
    }
    return true;
  }

  private Content content() throws IOException {
    var entries = new ArrayList<Entry>();
    long unfinishedBytes = 0;
    try (var files = Files.newDirectoryStream(folder)) {
      for (var path : files) {
        var name = String.valueOf(path.getFileName());
        var unfinished = UNFINISHED.matcher(name);
        if (ENTRY.matcher(name).matches()) {
          entry(path).ifPresent(entries::add);
        } else if (unfinished.matches()
            && (OWNER.equals(unfinished.group(1)) || !removedIfDead(path))) {
          unfinishedBytes += Long.parseLong(unfinished.group(2));
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return new Content(entries, unfinishedBytes);
  }

  private static Optional<Entry> entry(Path path) throws IOException {
    try {
      var attributes = Files.readAttributes(path, BasicFileAttributes.class);
      return Optional.of(new Entry(path, attributes.size(), attributes.lastModifiedTime()));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /** Whether an unfinished file is no more, because nobody holds its lock. */
  private static boolean removedIfDead(Path path) throws IOException {
    try (var file = FileChannel.open(path, StandardOpenOption.WRITE)) {
      if (file.tryLock() == null) {
        return false;
      }
      Files.deleteIfExists(path);
      return true;
    } catch (NoSuchFileException e) {
      return true;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  private static void closeQuietly(@Nullable FileChannel file) {
    try {
      if (file != null) {
        file.close();
      }
    } catch (IOException _) {
      // It was read, or is given up: nothing is lost.
    }
  }
}
