// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import dev.knarr.ggml.GgmlBuffer;
import dev.knarr.ggml.TensorDescription;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicBoolean;

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
  private final AtomicBoolean closed = new AtomicBoolean();

  DeviceBuffer(Device device, GgmlBuffer memory, long bytes) {
    this.device = device;
    this.memory = memory;
    this.bytes = bytes;
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

  /** Whether {@link #hostView} may be used. */
  public boolean host() {
    return memory.host();
  }

  /** The bytes themselves: up to 2 GiB from {@code offset}; only of a host buffer. */
  public ByteBuffer hostView(long offset, int length) {
    return memory.hostView(offset, length);
  }

  /** Writes all of {@code source}, a direct buffer, at {@code offset}. */
  public void write(long offset, ByteBuffer source) {
    device.access(memory, () -> memory.write(offset, source));
  }

  /** Fills all of {@code target}, a direct buffer, from {@code offset}. */
  public void read(long offset, ByteBuffer target) {
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

  public void fill(byte value) {
    device.access(memory, () -> memory.fill(value));
  }

  public void fill(long offset, long bytes, byte value) {
    device.access(memory, () -> memory.fill(offset, bytes, value));
  }

  /** Lets the backend prepare a tensor at {@code offset}, such as zero the padding behind it. */
  public void initTensor(TensorDescription tensor, long offset) {
    device.access(memory, () -> memory.initTensor(tensor, offset));
  }

  /**
   * Copies bytes between buffers, of one device or two. No thread ever waits for two devices at
   * once: two clients that copy in opposite directions would otherwise wait for each other.
   */
  public void copyTo(long offset, DeviceBuffer target, long targetOffset, long bytes) {
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
      device.released(bytes);
    }
  }
}
