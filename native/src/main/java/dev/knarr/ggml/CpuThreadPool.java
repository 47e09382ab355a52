// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * ggml's own worker threads for one CPU backend. A build without OpenMP creates and joins threads
 * for every graph unless it is given such a pool; a build with OpenMP has its own. Belongs to the
 * backend, closed after it.
 */
final class CpuThreadPool implements AutoCloseable {
  /** More than {@code struct ggml_threadpool_params}, which ggml fills in itself. */
  private static final long PARAMS_BYTES = 1024;

  private final Pointer pool;
  private final Function free;

  private CpuThreadPool(Pointer pool, Function free) {
    this.pool = pool;
    this.free = free;
  }

  /** A pool for this backend, or null where none is needed or offered. */
  static @Nullable CpuThreadPool openFor(GgmlDevice device, long backend, int threads) {
    if (device.kind() != GgmlDevice.Kind.CPU
        || threads == 1
        || "1".equals(device.features().get("OPENMP"))) {
      return null;
    }
    return open(device, backend, threads);
  }

  static @Nullable CpuThreadPool open(GgmlDevice device, long backend, int threads) {
    Function create = device.function("ggml_threadpool_new").orElse(null);
    Function free = device.function("ggml_threadpool_free").orElse(null);
    Function use = device.function("ggml_backend_cpu_set_threadpool").orElse(null);
    if (create == null || free == null || use == null) {
      return null;
    }
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment params = scratch.allocate(PARAMS_BYTES, 16);
      var pointer = new Pointer(params.address());
      NativeLibrary.getProcess()
          .getFunction("ggml_threadpool_params_init")
          .invokeVoid(new Object[] {pointer, threads});
      Pointer pool = create.invokePointer(new Object[] {pointer});
      if (pool == null) {
        return null;
      }
      use.invokeVoid(new Object[] {new Pointer(backend), pool});
      return new CpuThreadPool(pool, free);
    }
  }

  @Override
  public void close() {
    free.invokeVoid(new Object[] {pool});
  }
}
