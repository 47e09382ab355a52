// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import dev.knarr.ggml.GgmlFunctions.Base;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A piece of a device's memory. Owned by who allocated it. Reading and writing different ranges
 * from several threads is safe for host buffers; for others one thread at a time. {@link #close}
 * must not run while another thread uses the buffer, and graphs over it cannot be computed
 * afterwards.
 *
 * <p>Every range is checked against the buffer ({@link IndexOutOfBoundsException}); every use after
 * {@link #close} is an {@link IllegalStateException}.
 */
public final class GgmlBuffer implements AutoCloseable {
  private static final int STAGING_BYTES = 4 << 20;
  private static final MemorySegment ZEROS = Arena.global().allocate(16 << 10, 64);

  private final GgmlDevice device;
  private final long handle;
  private final long base;
  private final long bytes;

  /**
   * The memory itself where the host can address it; its arena makes any view fail after close
   * instead of touching freed memory.
   */
  private final @Nullable MemorySegment memory;

  private final @Nullable Arena arena;
  private volatile boolean closed;

  GgmlBuffer(GgmlDevice device, long handle, long requestedBytes) {
    this.device = device;
    this.handle = handle;
    // ggml makes a buffer of no bytes without asking the device, and has no base address for it.
    this.bytes = requestedBytes == 0 ? 0 : Base.ggml_backend_buffer_get_size(handle);
    this.base = requestedBytes == 0 ? 0 : Base.ggml_backend_buffer_get_base(handle);
    if (device.hostMemory()) {
      this.arena = Arena.ofShared();
      this.memory = MemorySegment.ofAddress(base).reinterpret(bytes, arena, null);
    } else {
      this.arena = null;
      this.memory = null;
    }
    GgmlHandles.BUFFERS.incrementAndGet();
  }

  /** Size in bytes; at least what was asked for. */
  public long bytes() {
    return bytes;
  }

  /** Whether the host addresses this memory directly, so that {@link #hostView} works. */
  public boolean host() {
    return memory != null;
  }

  /** The device whose memory this is. */
  public GgmlDevice device() {
    return device;
  }

  /** Writes all that remains in {@code source}, which is left as it was, at {@code offset}. */
  public void write(long offset, ByteBuffer source) {
    check(offset, source.remaining());
    MemorySegment from = MemorySegment.ofBuffer(source);
    if (memory != null) {
      MemorySegment.copy(from, 0, memory, offset, from.byteSize());
    } else if (from.isNative()) {
      set(offset, from);
    } else {
      inPieces(
          from.byteSize(),
          (staging, at) -> {
            staging.copyFrom(from.asSlice(at, staging.byteSize()));
            set(offset + at, staging);
          });
    }
  }

  /**
   * Fills all that remains of {@code destination}, whose position is left as it was, from {@code
   * offset}.
   */
  public void read(long offset, ByteBuffer destination) {
    check(offset, destination.remaining());
    MemorySegment to = MemorySegment.ofBuffer(destination);
    if (memory != null) {
      MemorySegment.copy(memory, offset, to, 0, to.byteSize());
    } else if (to.isNative()) {
      get(offset, to);
    } else {
      inPieces(
          to.byteSize(),
          (staging, at) -> {
            get(offset + at, staging);
            to.asSlice(at, staging.byteSize()).copyFrom(staging);
          });
    }
  }

  /**
   * The memory itself, little endian, for a socket to read into or write from. Works until the
   * buffer is closed; then every access throws.
   *
   * @throws UnsupportedOperationException if this is not a {@link #host} buffer
   */
  public ByteBuffer hostView(long offset, int length) {
    check(offset, length);
    if (memory == null) {
      throw new UnsupportedOperationException(this + " is not host memory: use read and write");
    }
    return memory.asSlice(offset, length).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** A range of host memory. */
  MemorySegment segment(long offset, long count) {
    check(offset, count);
    if (memory == null) {
      throw new UnsupportedOperationException(this + " is not host memory");
    }
    return memory.asSlice(offset, count);
  }

  /** Sets every byte. */
  public void fill(byte value) {
    check(0, bytes);
    if (memory != null && value == 0) {
      clear(memory);
    } else if (memory == null && value == 0 && bytes > 0) {
      Base.ggml_backend_buffer_clear(handle, value);
      // Vulkan clears whole words and leaves what remains at the end.
      long rest = bytes % Integer.BYTES;
      fill(bytes - rest, rest, value);
    } else {
      // Vulkan (0.27.0) takes another value than zero for the value of a word.
      fill(0, bytes, value);
    }
  }

  /**
   * Writes only where there is something else than zero: memory fresh from the system is zero, and
   * writing would have it find a page for every 4 KiB now, of which many are never used.
   */
  private static void clear(MemorySegment memory) {
    for (long at = 0; at < memory.byteSize(); at += ZEROS.byteSize()) {
      var piece = memory.asSlice(at, Math.min(ZEROS.byteSize(), memory.byteSize() - at));
      if (piece.mismatch(ZEROS.asSlice(0, piece.byteSize())) >= 0) {
        piece.fill((byte) 0);
      }
    }
  }

  /** Sets {@code count} bytes from {@code offset} on. */
  public void fill(long offset, long count, byte value) {
    check(offset, count);
    if (memory != null) {
      memory.asSlice(offset, count).fill(value);
      return;
    }
    // Not ggml_backend_tensor_memset: backends may lack it, which aborts, or do it in words of four
    // bytes.
    inPieces(
        count,
        (staging, at) -> {
          staging.fill(value);
          set(offset + at, staging);
        });
  }

  /**
   * Tells the backend that this tensor will live at {@code offset}: GPU backends zero the padding
   * behind its last row.
   *
   * @throws GgmlException BACKEND_FAILED
   */
  public void initTensor(TensorDescription tensor, long offset) {
    check(offset, 0);
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment struct = TensorLayout.allocate(scratch, 1);
      ByteBuffer view = TensorLayout.view(struct);
      tensor.put(view, 0);
      view.putLong(TensorLayout.BUFFER, handle).putLong(TensorLayout.DATA, base + offset);
      int status = Base.ggml_backend_buffer_init_tensor(handle, struct.address());
      if (status != 0) {
        throw new GgmlException(
            GgmlFault.BACKEND_FAILED,
            device.name() + " refused to prepare a tensor (status " + status + ")");
      }
    }
  }

  /**
   * Copies between two ranges of any two buffers, which may overlap: inside the devices where ggml
   * can, otherwise through host memory in bounded pieces.
   *
   * @return whether the devices did it among themselves, without host memory in between
   */
  public static boolean copy(
      GgmlBuffer source,
      long sourceOffset,
      GgmlBuffer destination,
      long destinationOffset,
      long count) {
    source.check(sourceOffset, count);
    destination.check(destinationOffset, count);
    if (count == 0) {
      return true;
    }
    if (source.memory != null && destination.memory != null) {
      MemorySegment.copy(source.memory, sourceOffset, destination.memory, destinationOffset, count);
      return true;
    }
    if (source.memory != null) {
      destination.set(destinationOffset, source.memory.asSlice(sourceOffset, count));
      return true;
    }
    if (destination.memory != null) {
      source.get(sourceOffset, destination.memory.asSlice(destinationOffset, count));
      return true;
    }
    boolean overlap = source == destination && Math.abs(sourceOffset - destinationOffset) < count;
    if (!overlap && copyOnDevice(source, sourceOffset, destination, destinationOffset, count)) {
      return true;
    }
    copyStaged(source, sourceOffset, destination, destinationOffset, count);
    return false;
  }

  private static boolean copyOnDevice(
      GgmlBuffer source,
      long sourceOffset,
      GgmlBuffer destination,
      long destinationOffset,
      long count) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment from =
          TensorLayout.plainBytes(scratch, source.handle, source.base + sourceOffset, count);
      MemorySegment to =
          TensorLayout.plainBytes(
              scratch, destination.handle, destination.base + destinationOffset, count);
      return Base.ggml_backend_buffer_copy_tensor(from.address(), to.address()) != 0;
    }
  }

  private static void copyStaged(
      GgmlBuffer source,
      long sourceOffset,
      GgmlBuffer destination,
      long destinationOffset,
      long count) {
    long pieces = Math.ceilDiv(count, STAGING_BYTES);
    // A range that moves up within its buffer is copied from its end, or it would overwrite what is
    // still to be read.
    boolean fromEnd = source == destination && sourceOffset < destinationOffset;
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment staging = scratch.allocate(Math.min(count, STAGING_BYTES), 64);
      for (long i = 0; i < pieces; i++) {
        long at = (fromEnd ? pieces - 1 - i : i) * STAGING_BYTES;
        MemorySegment piece = staging.asSlice(0, Math.min(STAGING_BYTES, count - at));
        source.get(sourceOffset + at, piece);
        destination.set(destinationOffset + at, piece);
      }
    }
  }

  /** Gives the memory back. Twice is once. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      if (arena != null) {
        // Throws while another thread is inside a socket call over a view: then nothing is freed
        // under it.
        arena.close();
      }
      closed = true;
    }
    Base.ggml_backend_buffer_free(handle);
    device.released(bytes);
    GgmlHandles.BUFFERS.decrementAndGet();
  }

  /** ggml's own handle, for the tensors of a graph. */
  long handle() {
    checkOpen();
    return handle;
  }

  /**
   * The address of the first byte as ggml knows it; for non-host memory a number without meaning
   * outside ggml.
   */
  long base() {
    return base;
  }

  void checkOpen() {
    if (closed) {
      throw new IllegalStateException(this + " is closed");
    }
  }

  @Override
  public String toString() {
    return "Buffer of " + bytes + " bytes on " + device.name();
  }

  private void check(long offset, long count) {
    checkOpen();
    Objects.checkFromIndexSize(offset, count, bytes);
  }

  private void set(long offset, MemorySegment data) {
    if (data.byteSize() == 0) {
      return;
    }
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment tensor =
          TensorLayout.plainBytes(scratch, handle, base + offset, data.byteSize());
      Base.ggml_backend_tensor_set(tensor.address(), data.address(), 0, data.byteSize());
    } finally {
      // ggml sees an address only: the buffer behind it must not be collected meanwhile.
      Reference.reachabilityFence(data);
    }
  }

  private void get(long offset, MemorySegment data) {
    if (data.byteSize() == 0) {
      return;
    }
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment tensor =
          TensorLayout.plainBytes(scratch, handle, base + offset, data.byteSize());
      Base.ggml_backend_tensor_get(tensor.address(), data.address(), 0, data.byteSize());
    } finally {
      // ggml sees an address only: the buffer behind it must not be collected meanwhile.
      Reference.reachabilityFence(data);
    }
  }

  private interface Piece {
    void move(MemorySegment staging, long at);
  }

  private static void inPieces(long count, Piece piece) {
    if (count == 0) {
      return;
    }
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment staging = scratch.allocate(Math.min(count, STAGING_BYTES), 64);
      for (long at = 0; at < count; at += STAGING_BYTES) {
        piece.move(staging.asSlice(0, Math.min(STAGING_BYTES, count - at)), at);
      }
    }
  }
}
