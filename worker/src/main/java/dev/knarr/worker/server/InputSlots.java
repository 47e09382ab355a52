// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.delta.Delta;
import dev.knarr.rpc.wire.RpcServerChannel;
import dev.knarr.worker.device.DeviceBuffer;
import dev.knarr.worker.graph.TensorPlace;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The inputs that a router writes again and again. A graph may overwrite the memory of its inputs,
 * so what was written last is kept here, and what comes next is told by the difference from that.
 * Called by the connection's thread only.
 */
final class InputSlots implements AutoCloseable {
  private static final MemorySegment NOTHING = MemorySegment.ofArray(new byte[0]);

  /** Many times what a graph has; each takes some heap, whatever its length. */
  private static final int MOST_SLOTS = 1 << 16;

  private final long limitBytes;
  private final Map<Integer, InputSlot> slots = new HashMap<>();
  private final Arena arena = Arena.ofConfined();
  private @Nullable ByteBuffer steps;
  private @Nullable MemorySegment made;
  private long usedBytes;

  private record InputSlot(TensorPlace place, Arena memory, MemorySegment shadow) {}

  /**
   * Room for slots.
   *
   * @param limitBytes of all of them; negative when the router was granted no inputs at all
   */
  InputSlots(long limitBytes) {
    this.limitBytes = limitBytes;
  }

  /** Writes what the request's data makes. */
  void put(RouteRequest.Put put, TensorPlace place, RpcServerChannel channel) throws IOException {
    write(place, make(NOTHING, put.dataBytes(), place.bytes(), channel));
  }

  /** Makes a slot of a place, and writes it. */
  void open(RouteRequest.Slot request, TensorPlace place, RpcServerChannel channel)
      throws IOException {
    forget(request.slot());
    if (slots.size() >= MOST_SLOTS) {
      throw new RpcProtocolException(
          ProtocolFault.BUDGET_EXCEEDED, "a router has more than %d slots".formatted(MOST_SLOTS));
    }
    if (place.bytes() > limitBytes - usedBytes) {
      throw new RpcProtocolException(
          ProtocolFault.BUDGET_EXCEEDED,
          "a slot of %d bytes is over what is left of the %d bytes for the slots of a router"
              .formatted(place.bytes(), limitBytes));
    }
    var memory = Arena.ofConfined();
    var slot = new InputSlot(place, memory, memory.allocate(Math.max(1, place.bytes()), 64));
    slots.put(request.slot(), slot);
    usedBytes += place.bytes();
    renew(slot, NOTHING, request.dataBytes(), channel);
  }

  /** The place of a slot, whose data is to be written. */
  TensorPlace place(int slot) {
    return slot(slot).place;
  }

  /** Writes a slot with what has changed since it was last written. */
  void write(RouteRequest.Write write, RpcServerChannel channel) throws IOException {
    var slot = slot(write.slot());
    var shadow = slot.shadow.asSlice(0, slot.place.bytes());
    if (write.dataBytes() == 0) {
      write(slot.place, shadow);
    } else {
      renew(slot, shadow, write.dataBytes(), channel);
    }
  }

  private void renew(InputSlot slot, MemorySegment base, long dataBytes, RpcServerChannel channel)
      throws IOException {
    var content = make(base, dataBytes, slot.place.bytes(), channel);
    MemorySegment.copy(content, 0, slot.shadow, 0, content.byteSize());
    write(slot.place, content);
  }

  private MemorySegment make(
      MemorySegment base, long dataBytes, long bytes, RpcServerChannel channel) throws IOException {
    if (limitBytes < 0) {
      throw new RpcProtocolException(
          ProtocolFault.BUDGET_EXCEEDED, "a router uses inputs, for which it was granted 0 bytes");
    }
    var read = steps(Math.toIntExact(dataBytes));
    channel.readData(read);
    var content = made(bytes);
    Delta.apply(base, read.flip(), content);
    return content;
  }

  private ByteBuffer steps(int bytes) {
    var buffer = steps;
    if (buffer == null || buffer.capacity() < bytes) {
      buffer = arena.allocate(roomFor(bytes), 64).asByteBuffer();
      steps = buffer;
    }
    return buffer.clear().limit(bytes);
  }

  private MemorySegment made(long bytes) {
    var memory = made;
    if (memory == null || memory.byteSize() < bytes) {
      memory = arena.allocate(roomFor(bytes), 64);
      made = memory;
    }
    return memory.asSlice(0, bytes);
  }

  /** What is outgrown stays until the end, so that all of it together is at most twice the last. */
  private static long roomFor(long bytes) {
    return Math.max(1 << 16, Long.highestOneBit(Math.max(1, bytes - 1)) << 1);
  }

  private static void write(TensorPlace place, MemorySegment content) {
    var buffer = place.buffer();
    if (content.byteSize() == 0) {
      return;
    }
    if (buffer.host()) {
      var view = buffer.viewForWrite(place.offset(), (int) content.byteSize());
      MemorySegment.copy(content, 0, MemorySegment.ofBuffer(view), 0, content.byteSize());
    } else {
      buffer.write(place.offset(), content.asByteBuffer());
    }
  }

  private InputSlot slot(int name) {
    var slot = slots.get(name);
    if (slot == null) {
      throw new RpcProtocolException(
          ProtocolFault.BAD_FIELD,
          "slot %d of a router does not exist, or its buffer was freed".formatted(name));
    }
    return slot;
  }

  void forget(int name) {
    var slot = slots.remove(name);
    if (slot != null) {
      usedBytes -= slot.place.bytes();
      slot.memory.close();
    }
  }

  /** Ends the slots of a buffer that is about to be freed. */
  void dropUsing(DeviceBuffer buffer) {
    slots.entrySet().stream()
        .filter(entry -> entry.getValue().place.buffer() == buffer)
        .map(Map.Entry::getKey)
        .toList()
        .forEach(this::forget);
  }

  @Override
  public void close() {
    List.copyOf(slots.keySet()).forEach(this::forget);
    arena.close();
  }
}
