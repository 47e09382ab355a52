// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import dev.knarr.ggml.GgmlBuffer;
import dev.knarr.ggml.TensorDescription;
import dev.knarr.ggml.WeightRepack;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Memory of a device, counted in its budget. The connection that allocated it owns it and is the
 * only one to call; access to memory that the host cannot address goes through the device's thread.
 * Offsets and lengths are in bytes and are checked by ggml's wrapper against the buffer.
 */
public final class DeviceBuffer implements AutoCloseable {
  private static final long COPY_CHUNK_BYTES = 4 << 20;

  private final Device device;
  private final GgmlBuffer memory;
  private final long bytes;
  private final @Nullable RepackedWeights weights;
  private final KnownWeights known;
  private boolean adopted;
  private final AtomicBoolean closed = new AtomicBoolean();

  DeviceBuffer(
      Device device, GgmlBuffer memory, long bytes, Optional<WeightRepack> repackedLayouts) {
    this.device = device;
    this.memory = memory;
    this.bytes = bytes;
    this.weights =
        repackedLayouts.isPresent()
            ? new RepackedWeights(device, repackedLayouts.get(), memory)
            : null;
    this.known = new KnownWeights(device, bytes);
  }

  public Device device() {
    return device;
  }

  /** What the client asked for; the memory may have a margin behind it. */
  public long bytes() {
    return bytes;
  }

  /** The ggml buffer, for graphs and tensors that lie in it; it stays this object's to close. */
  public GgmlBuffer memory() {
    return memory;
  }

  /** Whether the host addresses the memory, and the views of it may be used. */
  public boolean host() {
    return memory.host();
  }

  /** The bytes as a client wrote them: up to 2 GiB from {@code offset}; only of a host buffer. */
  public ByteBuffer viewForRead(long offset, int length) {
    show();
    requirePlain(offset, length);
    return memory.hostView(offset, length);
  }

  /** As {@link #viewForRead}, for bytes that are about to be replaced, all of them. */
  public ByteBuffer viewForWrite(long offset, int length) {
    overwrite(offset, length);
    return memory.hostView(offset, length);
  }

  /**
   * Says that all of a range is about to be written, in several pieces: weights of which only a
   * part is replaced have to be given their plain layout back first.
   */
  public void overwrite(long offset, long count) {
    known.written(offset, count);
    if (weights != null) {
      weights.overwrite(offset, count);
    }
  }

  /** The bytes as they are, for the device's turn: of memory that holds no weights. */
  public ByteBuffer view(long offset, int length) {
    return memory.hostView(offset, length);
  }

  /**
   * Puts weights into the layout for which ggml has its fastest multiplications, if that layout
   * exists for their type and shape and nothing else has wanted their bytes. They keep it until
   * then; {@link #layoutVersion} tells.
   *
   * @param offset where the weights begin, {@code bytes} bytes of contiguous rows
   * @param type ggml's type code
   * @param ne four numbers of elements
   * @return whether they are repacked now
   */
  public boolean repack(long offset, long bytes, int type, long[] ne) {
    return weights != null && weights.repack(offset, bytes, type, ne);
  }

  /** Gives weights in this range their plain layout back, for good. */
  public void requirePlain(long offset, long bytes) {
    if (weights != null) {
      weights.requirePlain(offset, bytes);
    }
  }

  /** Whether {@link #repack} can do anything here. */
  public boolean mayRepack() {
    return weights != null;
  }

  /** Grows whenever weights in this buffer change their layout; graphs made before are outdated. */
  public int layoutVersion() {
    return weights == null ? 0 : weights.version();
  }

  /** Writes all of {@code source}, a direct buffer, at {@code offset}. */
  public void write(long offset, ByteBuffer source) {
    overwrite(offset, source.remaining());
    device.access(memory, () -> memory.write(offset, source));
  }

  /** Fills all of {@code target}, a direct buffer, from {@code offset}. */
  public void read(long offset, ByteBuffer target) {
    show();
    requirePlain(offset, target.remaining());
    device.access(memory, () -> memory.read(offset, target));
  }

  /**
   * Fills all of {@code target}, a direct buffer, with what lies in memory from {@code offset},
   * however the backend may have arranged it. Any thread may call, if it sees to it that the buffer
   * is not closed meanwhile; bytes that are being written come out in any state.
   */
  public void readAsIs(long offset, ByteBuffer target) {
    device.access(memory, () -> memory.read(offset, target));
  }

  /**
   * Notes that what was just written is weights, under the hash by which they may be named later.
   */
  public void holds(long offset, long count, long hash) {
    known.add(offset, count, hash);
  }

  /** Whether weights that were noted lie there still; from then on their owner may see them. */
  public boolean finds(long offset, long count, long hash) {
    return known.find(offset, count, hash);
  }

  /** Notes that a range was not written after all, whatever became of it. */
  public void unwritten(long offset, long count) {
    if (adopted) {
      known.hide(offset, count);
    }
  }

  /** Graphs will write here, whenever they are computed. */
  public void computes() {
    known.computed();
  }

  /**
   * Must be called before anything but weights is made of it: nobody sees what the owner before had
   * and this one cannot name.
   */
  public void show() {
    if (adopted) {
      for (var gap : known.hidden()) {
        fill(gap.offset(), gap.bytes(), (byte) 0);
      }
    }
  }

  /** Whether it holds weights of use to an owner who comes later. */
  public boolean isWorthParking() {
    return known.mostly();
  }

  /** Whether it was parked, and may hold weights that can be named. */
  public boolean isAdopted() {
    return adopted;
  }

  /** Another owner has it from now on. */
  void adopt() {
    adopted = true;
    known.hide(0, bytes);
    if (weights != null) {
      weights.beginAnew();
    }
  }

  public void fill(byte value) {
    overwrite(0, bytes);
    device.access(memory, () -> memory.fill(value));
  }

  public void fill(long offset, long bytes, byte value) {
    overwrite(offset, bytes);
    device.access(memory, () -> memory.fill(offset, bytes, value));
  }

  /**
   * Lets the backend prepare a tensor, such as zero the padding behind it.
   *
   * @param offset where it begins, and {@code end} where its bytes end
   * @param paddedEnd where its padding ends
   */
  public void initTensor(TensorDescription tensor, long offset, long end, long paddedEnd) {
    known.drop(end, paddedEnd - end);
    device.access(memory, () -> memory.initTensor(tensor, offset));
  }

  /**
   * Copies bytes between buffers, of one device or two. No thread ever waits for two devices at
   * once: two clients that copy in opposite directions would otherwise wait for each other.
   */
  public void copyTo(long offset, DeviceBuffer target, long targetOffset, long bytes) {
    show();
    requirePlain(offset, bytes);
    target.overwrite(targetOffset, bytes);
    if (device == target.device || target.host()) {
      device.access(
          memory, () -> GgmlBuffer.copy(memory, offset, target.memory, targetOffset, bytes));
    } else if (host()) {
      target.device.access(
          target.memory, () -> GgmlBuffer.copy(memory, offset, target.memory, targetOffset, bytes));
    } else {
      var staging = ByteBuffer.allocateDirect((int) Math.min(bytes, COPY_CHUNK_BYTES));
      for (long done = 0; done < bytes; done += staging.capacity()) {
        staging.clear().limit((int) Math.min(staging.capacity(), bytes - done));
        read(offset + done, staging.duplicate());
        target.write(targetOffset + done, staging.duplicate());
      }
    }
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      device.access(memory, memory::close);
      known.clear();
      if (weights != null) {
        weights.close();
      }
      device.released(bytes);
    }
  }
}
