// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import dev.knarr.rpc.Fnv1a;
import dev.knarr.worker.device.DeviceBuffer;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.zip.CRC32C;

/**
 * Which weights lie in which buffers of this worker. Nothing here is trusted: a buffer may have
 * been written since, by its client, by a graph, or by a backend that arranges weights its own way.
 * So bytes are read as they lie there, hashed, and written to where they are wanted; only when the
 * hash is right were they found. A sample is compared before, so that a changed range costs next to
 * nothing. What is tracked is only that no buffer is freed while another connection reads it. Any
 * thread may call.
 */
final class ResidentTensors {
  private static final int PIECE_BYTES = 4 << 20;
  private static final int SAMPLE_BYTES = 1 << 16;

  private final Map<TensorKey, List<Resident>> byKey = new HashMap<>(); // guarded by this
  private final Map<DeviceBuffer, Shared> byBuffer = new HashMap<>(); // guarded by this

  /** A buffer that others may read: they hold the read lock, who frees it the write lock. */
  private static final class Shared {
    private final DeviceBuffer buffer;
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    private final TreeMap<Long, Resident> byOffset = new TreeMap<>(); // guarded by the outer object
    private volatile boolean withdrawn;

    Shared(DeviceBuffer buffer) {
      this.buffer = buffer;
    }
  }

  /** Weights at a place, as they were when they arrived. */
  private record Resident(TensorKey key, Shared shared, long offset, long sample) {
    long end() {
      return offset + key.bytes();
    }
  }

  /** Notes what a buffer's owner has just written to it. Called by the owner. */
  void add(TensorKey key, DeviceBuffer buffer, long offset) {
    try (Arena arena = Arena.ofConfined()) {
      long sample = sample(key, buffer, offset, arena.allocate(SAMPLE_BYTES, 64).asByteBuffer());
      synchronized (this) {
        var shared = byBuffer.computeIfAbsent(buffer, Shared::new);
        var resident = new Resident(key, shared, offset, sample);
        dropOverlapping(shared, resident);
        shared.byOffset.put(offset, resident);
        byKey.computeIfAbsent(key, _ -> new ArrayList<>(1)).add(resident);
      }
    }
  }

  /** What lies there now has been overwritten; this also bounds how many a client can add. */
  private void dropOverlapping(Shared shared, Resident with) {
    for (var entry = shared.byOffset.lowerEntry(with.end());
        entry != null && entry.getValue().end() > with.offset;
        entry = shared.byOffset.lowerEntry(with.end())) {
      drop(entry.getValue());
    }
  }

  private synchronized void drop(Resident resident) {
    resident.shared.byOffset.remove(resident.offset, resident);
    var same = byKey.get(resident.key);
    if (same != null && same.remove(resident) && same.isEmpty()) {
      byKey.remove(resident.key);
    }
  }

  /**
   * Writes the data to a buffer of the calling connection if another place of this worker's memory
   * still has it; after false what the range holds is not defined.
   */
  boolean load(TensorKey key, DeviceBuffer target, long at) {
    List<Resident> candidates;
    synchronized (this) {
      candidates = List.copyOf(byKey.getOrDefault(key, List.of()));
    }
    if (candidates.isEmpty()) {
      return false;
    }
    try (Arena arena = Arena.ofConfined()) {
      var staging = arena.allocate(PIECE_BYTES, 64).asByteBuffer();
      for (var resident : candidates) {
        if (copy(resident, target, at, staging)) {
          return true;
        }
        drop(resident);
      }
    }
    return false;
  }

  private static boolean copy(Resident resident, DeviceBuffer target, long at, ByteBuffer staging) {
    target.overwrite(at, resident.key.bytes());
    long hash = Fnv1a.EMPTY;
    for (long done = 0; done < resident.key.bytes(); done += PIECE_BYTES) {
      staging.clear().limit((int) Math.min(PIECE_BYTES, resident.key.bytes() - done));
      if (!read(resident, done, staging)) {
        return false;
      }
      hash = Fnv1a.update(hash, staging);
      target.write(at + done, staging);
    }
    return hash == resident.key.hash();
  }

  /** One piece under the lock: whoever frees the buffer waits for no more than that. */
  private static boolean read(Resident resident, long from, ByteBuffer piece) {
    var shared = resident.shared;
    var lock = shared.lock.readLock();
    lock.lock();
    try {
      if (shared.withdrawn) {
        return false;
      }
      if (from == 0
          && sample(resident.key, shared.buffer, resident.offset, piece.duplicate())
              != resident.sample) {
        return false;
      }
      shared.buffer.readAsIs(resident.offset + from, piece);
      return true;
    } finally {
      lock.unlock();
    }
  }

  private static long sample(TensorKey key, DeviceBuffer buffer, long offset, ByteBuffer staging) {
    staging.clear().limit((int) Math.min(SAMPLE_BYTES, key.bytes()));
    buffer.readAsIs(offset, staging);
    var sum = new CRC32C();
    sum.update(staging);
    return sum.getValue();
  }

  /** Forgets a buffer that is about to be freed, and waits until nobody reads it. */
  void withdraw(DeviceBuffer buffer) {
    Shared shared;
    synchronized (this) {
      shared = byBuffer.remove(buffer);
      if (shared == null) {
        return;
      }
      List.copyOf(shared.byOffset.values()).forEach(this::drop);
    }
    var lock = shared.lock.writeLock();
    lock.lock();
    try {
      shared.withdrawn = true;
    } finally {
      lock.unlock();
    }
  }
}
