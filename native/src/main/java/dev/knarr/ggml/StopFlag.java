// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import com.sun.jna.Pointer;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Optional;

/**
 * Stops a CPU backend at the next node of its graph. ggml asks a function of type {@code bool
 * (*)(void *)} before each node. A Java one costs 0.4 µs every time; this is C's {@code strlen} on
 * a text that is empty, and one character long when the backend is to stop. Any thread.
 */
final class StopFlag implements AutoCloseable {
  /** More than strlen looks at: it reads whole vectors, which never leave their page. */
  private static final int TEXT_BYTES = 64;

  private static final VarHandle BYTE = ValueLayout.JAVA_BYTE.varHandle();

  private final Arena arena = Arena.ofShared();
  private final MemorySegment text = arena.allocate(TEXT_BYTES, TEXT_BYTES);

  private StopFlag() {}

  /** The flag of a backend, or nothing where it cannot be stopped. */
  static Optional<StopFlag> of(GgmlDevice device, long backend) {
    var set = device.function("ggml_backend_set_abort_callback");
    var strlen = Linker.nativeLinker().defaultLookup().find("strlen");
    if (set.isEmpty() || strlen.isEmpty()) {
      return Optional.empty();
    }
    var flag = new StopFlag();
    set.get()
        .invokeVoid(
            new Object[] {
              new Pointer(backend),
              new Pointer(strlen.get().address()),
              new Pointer(flag.text.address())
            });
    return Optional.of(flag);
  }

  void set(boolean stop) {
    BYTE.setVolatile(text, 0L, (byte) (stop ? 1 : 0));
  }

  /** After the backend is closed. */
  @Override
  public void close() {
    arena.close();
  }
}
