// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import com.sun.jna.Pointer;
import dev.knarr.ggml.GgmlFunctions.Base;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * ggml's interleaved ("repacked") layout of quantised weights, for which its CPU backend has much
 * faster multiplications: the same bytes in number, several rows woven into each other. ggml writes
 * that layout and never reads it back; here the way back is learned when the process starts and
 * proven with random data, and a type for which it fails stays as it is. Lives as long as the
 * process; any thread, different memory.
 *
 * <p>ggml's kernels find the layout by the tensor's buffer type and its {@code extra}, and the data
 * by its address alone (ggml-cpu/repack.cpp). So an empty buffer of that type stands for weights
 * that lie in any host memory, and every tensor can go back and forth in place.
 */
public final class WeightRepack {
  private static final Logger LOG = LoggerFactory.getLogger(WeightRepack.class);
  private static final String BUFFER_TYPE = "CPU_REPACK";
  private static final int STAGING_BYTES = 1 << 20;

  /** Rows are copied aside to be woven; no model has any that would need more than this. */
  private static final long MOST_STAGING_BYTES = 64 << 20;

  /** A multiple of the rows that any kernel of ggml weaves together. */
  private static final int PROBE_ROWS = 16;

  private static final int[] WOVEN_ROWS = {4, 8, 16};

  private final long buffer;
  private final Map<Integer, Layout> layouts = new HashMap<>();

  /**
   * How one type is woven.
   *
   * @param rows how many rows are woven into each other
   * @param unit what becomes of one block of each of them
   */
  private record Layout(GgmlTables.Type type, int rows, BitPermutation unit) {
    long rowBytes(long elements) {
      return elements / type.blockElements() * type.blockBytes();
    }
  }

  private WeightRepack(long buffer) {
    this.buffer = buffer;
  }

  /** The layouts that a CPU device has and that can be undone; empty if there are none. */
  static Optional<WeightRepack> open(GgmlDevice cpu) {
    var bufferType = bufferType(cpu);
    if (bufferType == 0) {
      return Optional.empty();
    }
    long buffer = Base.ggml_backend_buft_alloc_buffer(bufferType, PROBE_ROWS);
    if (buffer == 0) {
      return Optional.empty();
    }
    var repack = new WeightRepack(buffer);
    for (var type : GgmlTables.TYPES) {
      if (type.blockElements() > 1 && repack.hasLayout(type)) {
        repack.learn(type);
      }
    }
    if (repack.layouts.isEmpty()) {
      Base.ggml_backend_buffer_free(buffer);
      return Optional.empty();
    }
    return Optional.of(repack);
  }

  /** The backend lists the layouts its CPU has kernels for as further types of buffers. */
  private static long bufferType(GgmlDevice cpu) {
    var get = cpu.function("ggml_backend_dev_get_extra_bufts");
    if (get.isEmpty()) {
      return 0;
    }
    Pointer list = get.get().invokePointer(new Object[] {new Pointer(cpu.handle())});
    for (int i = 0; list != null && list.getLong(i) != 0; i += 8) {
      if (BUFFER_TYPE.equals(Base.ggml_backend_buft_name(list.getLong(i)))) {
        return list.getLong(i);
      }
    }
    return 0;
  }

  private boolean hasLayout(GgmlTables.Type type) {
    return extra(type.code(), new long[] {type.blockElements(), PROBE_ROWS, 1, 1}) != 0;
  }

  /** ggml's kernels for weights of this type and shape; 0 if it has none. */
  private long extra(int type, long[] ne) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment struct = TensorLayout.allocate(scratch, 1);
      ByteBuffer view = TensorLayout.view(struct);
      TensorLayout.putShape(view, 0, type, ne, new long[TensorLayout.DIMENSIONS]);
      attach(view, 0, struct.address());
      return view.getLong(TensorLayout.EXTRA);
    }
  }

  /** Makes the described tensor one that ggml takes for repacked. */
  void attach(ByteBuffer tensors, int at, long address) {
    tensors.putLong(at + TensorLayout.BUFFER, buffer);
    int status = Base.ggml_backend_buffer_init_tensor(buffer, address);
    if (status != 0) {
      throw new GgmlException(
          GgmlFault.BACKEND_FAILED, "ggml refused a repacked tensor (status " + status + ")");
    }
  }

  private void learn(GgmlTables.Type type) {
    long[] oneBlock = {type.blockElements(), PROBE_ROWS, 1, 1};
    int bytes = Math.toIntExact(PROBE_ROWS * type.blockBytes());
    var learned =
        BitPermutation.learn(
            bytes,
            original -> {
              try (Arena scratch = Arena.ofConfined()) {
                MemorySegment data = scratch.allocate(bytes, TensorLayout.ALIGNMENT);
                MemorySegment.copy(original, 0, data, ValueLayout.JAVA_BYTE, 0, bytes);
                rearrange(data, type, oneBlock);
                return data.toArray(ValueLayout.JAVA_BYTE);
              }
            });
    for (int rows : WOVEN_ROWS) {
      var unit = learned.flatMap(p -> p.ofPieces(Math.toIntExact(rows * type.blockBytes())));
      if (unit.isPresent()) {
        var layout = new Layout(type, rows, unit.get());
        if (readsBack(layout)) {
          layouts.put(type.code(), layout);
          return;
        }
      }
    }
    LOG.warn(
        "Weights of type {} stay as they are: what this ggml makes of them cannot be undone",
        type.name());
  }

  private boolean readsBack(Layout layout) {
    long[] ne = {3 * layout.type.blockElements(), 2 * PROBE_ROWS + layout.rows, 2, 1};
    byte[] original = new byte[Math.toIntExact(layout.rowBytes(ne[0]) * ne[1] * ne[2])];
    new Random(1).nextBytes(original);
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment data = scratch.allocate(original.length, TensorLayout.ALIGNMENT);
      data.copyFrom(MemorySegment.ofArray(original));
      rearrange(data, layout.type, ne);
      undo(data, layout, ne);
      return data.mismatch(MemorySegment.ofArray(original)) < 0;
    }
  }

  /** Names of the types with a layout that reads back, as ggml names them. */
  public List<String> typeNames() {
    return layouts.values().stream().map(layout -> layout.type.name()).sorted().toList();
  }

  /** Whether weights of this type (ggml's code) and shape can be repacked. */
  public boolean covers(int type, long[] ne) {
    var layout = layouts.get(type);
    return layout != null
        && ne[0] % layout.type.blockElements() == 0
        && ne[1] % layout.rows == 0
        && layout.rowBytes(ne[0]) * PROBE_ROWS <= MOST_STAGING_BYTES
        && extra(type, ne) != 0;
  }

  /**
   * Repacks weights in place.
   *
   * @param offset of contiguous weights of a type and shape that {@link #covers}
   */
  public void repack(GgmlBuffer weights, long offset, int type, long[] ne) {
    var layout = layout(type);
    rearrange(weights.segment(offset, bytes(layout, ne)), layout.type, ne);
  }

  /** Undoes {@link #repack}: gives the memory its original bytes. */
  public void restore(GgmlBuffer weights, long offset, int type, long[] ne) {
    var layout = layout(type);
    undo(weights.segment(offset, bytes(layout, ne)), layout, ne);
  }

  private Layout layout(int type) {
    var layout = layouts.get(type);
    if (layout == null) {
      throw new IllegalArgumentException("There is no repacked layout of type " + type);
    }
    return layout;
  }

  private static long bytes(Layout layout, long[] ne) {
    return layout.rowBytes(ne[0]) * ne[1] * ne[2] * ne[3];
  }

  private void rearrange(MemorySegment weights, GgmlTables.Type type, long[] ne) {
    long extra = extra(type.code(), ne);
    long rows = ne[1] * ne[2] * ne[3];
    long rowBytes = weights.byteSize() / rows;
    // In pieces that a cache holds: ggml does not repack in place.
    long pieceRows = Math.max(1, STAGING_BYTES / rowBytes / PROBE_ROWS) * PROBE_ROWS;
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment staging = scratch.allocate(rowBytes * Math.min(rows, pieceRows), 64);
      MemorySegment struct = TensorLayout.allocate(scratch, 1);
      ByteBuffer view = TensorLayout.view(struct);
      for (long row = 0; row < rows; row += pieceRows) {
        long count = Math.min(pieceRows, rows - row);
        long bytes = count * rowBytes;
        MemorySegment piece = weights.asSlice(row * rowBytes, bytes);
        staging.asSlice(0, bytes).copyFrom(piece);
        TensorLayout.putShape(
            view,
            0,
            type.code(),
            new long[] {ne[0], count, 1, 1},
            new long[] {type.blockBytes(), rowBytes, bytes, bytes});
        view.putLong(TensorLayout.BUFFER, buffer)
            .putLong(TensorLayout.DATA, piece.address())
            .putLong(TensorLayout.EXTRA, extra);
        Base.ggml_backend_tensor_set(struct.address(), staging.address(), 0, bytes);
      }
    }
  }

  private static void undo(MemorySegment weights, Layout layout, long[] ne) {
    int blockBytes = Math.toIntExact(layout.type.blockBytes());
    long rowBytes = layout.rowBytes(ne[0]);
    long groupBytes = layout.rows * rowBytes;
    int unitBytes = layout.unit.bytes();
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment woven = scratch.allocate(groupBytes, 64);
      for (long group = 0; group < weights.byteSize(); group += groupBytes) {
        woven.copyFrom(weights.asSlice(group, groupBytes));
        for (long unit = 0; unit * unitBytes < groupBytes; unit++) {
          for (int i = 0; i < unitBytes; i++) {
            long row = i / blockBytes;
            long at = group + row * rowBytes + unit * blockBytes + i % blockBytes;
            weights.set(
                ValueLayout.JAVA_BYTE, at, layout.unit.original(woven, unit * unitBytes, i));
          }
        }
      }
    }
  }

  @Override
  public String toString() {
    return "Repacked layouts of " + typeNames();
  }
}
