// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * {@code struct ggml_tensor} of ggml 0.25.1 to 0.27.0: where its fields are. {@link LibraryCheck}
 * measures it against the loaded library.
 */
final class TensorLayout {
  static final int BYTES = 336;

  /** ggml hashes tensors by address / 16, and aligns its own like this. */
  static final int ALIGNMENT = 16;

  /** What {@code ggml_tensor_overhead()} answers: the structure and the object header before it. */
  static final int OVERHEAD = 368;

  static final int TYPE = 0;
  static final int BUFFER = 8;
  static final int NE = 16;
  static final int NB = 48;
  static final int OP = 80;
  static final int OP_PARAMS = 84;
  static final int FLAGS = 148;
  static final int SRC = 152;
  static final int VIEW_SRC = 232;
  static final int VIEW_OFFS = 240;
  static final int DATA = 248;
  static final int NAME = 256;
  static final int EXTRA = 320;

  static final int DIMENSIONS = 4;
  static final int SOURCES = 10;
  static final int OP_PARAM_INTS = 16;
  static final int NAME_BYTES = 64;

  static final int FLAG_OUTPUT = 2;
  static final int FLAG_PARAM = 4;

  /** Type code of one-byte integers: a run of plain bytes. */
  static final int TYPE_I8 = 24;

  private TensorLayout() {}

  /** A zeroed tensor structure. */
  static MemorySegment allocate(Arena arena, int count) {
    return arena.allocate((long) BYTES * count, ALIGNMENT);
  }

  static ByteBuffer view(MemorySegment tensors) {
    return tensors.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * A tensor that is nothing but {@code bytes} bytes at {@code address} of {@code buffer}: what
   * reading and writing device memory needs.
   */
  static MemorySegment plainBytes(Arena arena, long buffer, long address, long bytes) {
    MemorySegment tensor = allocate(arena, 1);
    ByteBuffer view = view(tensor);
    view.putInt(TYPE, TYPE_I8).putLong(BUFFER, buffer).putLong(DATA, address);
    view.putLong(NE, bytes).putLong(NE + 8, 1).putLong(NE + 16, 1).putLong(NE + 24, 1);
    view.putLong(NB, 1).putLong(NB + 8, bytes).putLong(NB + 16, bytes).putLong(NB + 24, bytes);
    return tensor;
  }

  static void putShape(ByteBuffer tensors, int at, int type, long[] ne, long[] nb) {
    tensors.putInt(at + TYPE, type);
    for (int i = 0; i < DIMENSIONS; i++) {
      tensors.putLong(at + NE + 8 * i, ne[i]);
      tensors.putLong(at + NB + 8 * i, nb[i]);
    }
  }

  static void putOperation(ByteBuffer tensors, int at, int op, int[] opParams) {
    tensors.putInt(at + OP, op);
    for (int i = 0; i < OP_PARAM_INTS; i++) {
      tensors.putInt(at + OP_PARAMS + 4 * i, opParams[i]);
    }
  }
}
