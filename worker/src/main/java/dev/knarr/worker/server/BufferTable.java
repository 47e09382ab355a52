// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.worker.device.DeviceBuffer;
import dev.knarr.worker.graph.ClientBuffers;
import dev.knarr.worker.graph.TensorPlace;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The buffers of one connection under the handles and base addresses that its client knows. Both
 * are invented: a client never sees, and can never name, a real address. Called by the connection's
 * thread only.
 */
final class BufferTable implements ClientBuffers {
  /** Satisfies the alignment of every known backend. */
  private static final long BASE_ALIGNMENT = 4096;

  private static final int MOST_BUFFERS = 4096;
  private static final long FIRST_BASE = 1L << 40;

  private final Map<Long, Entry> entries = new LinkedHashMap<>();
  private long lastHandle;
  private long nextBase = FIRST_BASE;

  private record Entry(DeviceBuffer buffer, long base) {}

  /** Takes {@code buffer} in and returns its handle, never 0. */
  long add(DeviceBuffer buffer) {
    long handle = ++lastHandle;
    entries.put(handle, new Entry(buffer, nextBase));
    // The gap keeps an empty tensor at the end of one buffer out of the next.
    nextBase += roundUp(buffer.bytes()) + BASE_ALIGNMENT;
    return handle;
  }

  private static long roundUp(long bytes) {
    return (bytes + BASE_ALIGNMENT - 1) / BASE_ALIGNMENT * BASE_ALIGNMENT;
  }

  /** Whether there are more buffers than any model has; each costs memory that is not its own. */
  boolean isFull() {
    return entries.size() >= MOST_BUFFERS;
  }

  @Override
  public DeviceBuffer get(long handle) {
    return entry(handle).buffer;
  }

  @Override
  public long address(long handle) {
    return entry(handle).base;
  }

  /** The buffer of a handle that may be anything. */
  Optional<DeviceBuffer> find(long handle) {
    return Optional.ofNullable(entries.get(handle)).map(Entry::buffer);
  }

  /** The base address of a buffer; as the stock server says, 0 for one of 0 bytes. */
  long base(long handle) {
    var entry = entry(handle);
    return entry.buffer.bytes() == 0 ? 0 : entry.base;
  }

  DeviceBuffer remove(long handle) {
    var buffer = entry(handle).buffer;
    entries.remove(handle);
    return buffer;
  }

  /** All of them, the oldest first. */
  Collection<DeviceBuffer> all() {
    return entries.values().stream().map(Entry::buffer).toList();
  }

  private Entry entry(long handle) {
    var entry = entries.get(handle);
    if (entry == null) {
      throw new RpcProtocolException(
          ProtocolFault.UNKNOWN_BUFFER,
          "buffer 0x%x is not one of this connection's %d".formatted(handle, entries.size()));
    }
    return entry;
  }

  @Override
  public @Nullable TensorPlace of(RpcTensor tensor) {
    long bytes = tensor.byteSize();
    if (tensor.buffer() == 0) {
      if (tensor.data() != 0) {
        throw new RpcProtocolException(
            ProtocolFault.UNKNOWN_BUFFER,
            "tensor %s has address 0x%x but no buffer"
                .formatted(tensor.printableName(), tensor.data()));
      }
      return null;
    }
    var entry = entry(tensor.buffer());
    long offset = tensor.data() - entry.base;
    if (offset < 0 || offset > entry.buffer.bytes() || bytes > entry.buffer.bytes() - offset) {
      throw new RpcProtocolException(
          ProtocolFault.OUT_OF_RANGE,
          "tensor %s of %d bytes at 0x%x is outside its buffer of %d bytes at 0x%x"
              .formatted(
                  tensor.printableName(), bytes, tensor.data(), entry.buffer.bytes(), entry.base));
    }
    return new TensorPlace(entry.buffer, offset, bytes);
  }

  /** The memory of a tensor that a command reads or writes, which must have some. */
  TensorPlace placed(RpcTensor tensor) {
    var place = of(tensor);
    if (place == null) {
      throw new RpcProtocolException(
          ProtocolFault.UNKNOWN_BUFFER,
          "tensor %s of %d bytes has no buffer".formatted(tensor, tensor.byteSize()));
    }
    return place;
  }
}
