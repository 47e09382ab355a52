// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import com.sun.jna.Function;
import com.sun.jna.Pointer;
import dev.knarr.ggml.GgmlFunctions.Base;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/** One device that ggml can compute on. Lives as long as the process; any thread. */
public final class GgmlDevice {
  /** ggml's kinds of device. */
  public enum Kind {
    /** The processor and the host's memory. */
    CPU,
    /** A graphics processor with memory of its own. */
    GPU,
    /** A graphics processor that uses the host's memory. */
    IGPU,
    /** Something that helps the processor with some operations. */
    ACCEL;

    /** ggml's number for this kind, of its enum {@code ggml_backend_dev_type}. */
    static Optional<Kind> ofCode(int code) {
      return switch (code) {
        case 0 -> Optional.of(CPU);
        case 1 -> Optional.of(GPU);
        case 2 -> Optional.of(IGPU);
        case 3 -> Optional.of(ACCEL);
        default -> Optional.empty();
      };
    }

    /** The name used in tables and tags. */
    public String metricName() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static final HostMemory HOST_MEMORY = new HostMemory(Path.of("/"));

  private final int index;
  private final long handle;
  private final long bufferType;
  private final long registration;
  private final Kind kind;
  private final String name;
  private final String description;
  private final String backendName;
  private final long alignment;
  private final long maxBufferBytes;
  private final boolean hostMemory;
  private final AtomicLong allocatedBytes = new AtomicLong();

  GgmlDevice(int index, long handle, Kind kind) {
    this.index = index;
    this.handle = handle;
    this.kind = kind;
    this.bufferType = Base.ggml_backend_dev_buffer_type(handle);
    this.registration = Base.ggml_backend_dev_backend_reg(handle);
    this.name = Base.ggml_backend_dev_name(handle);
    this.description = Base.ggml_backend_dev_description(handle).strip();
    this.backendName = Base.ggml_backend_reg_name(registration);
    this.alignment = Base.ggml_backend_buft_get_alignment(bufferType);
    long max = Base.ggml_backend_buft_get_max_size(bufferType);
    this.maxBufferBytes = max < 0 ? Long.MAX_VALUE : max;
    this.hostMemory = Base.ggml_backend_buft_is_host(bufferType) != 0;
  }

  /** Position in {@link Ggml#devices}. */
  public int index() {
    return index;
  }

  /** ggml's short name, such as {@code CPU} or {@code Vulkan0}. */
  public String name() {
    return name;
  }

  /** The hardware's name. */
  public String description() {
    return description;
  }

  /** What kind of device this is. */
  public Kind kind() {
    return kind;
  }

  /** The backend it belongs to, such as {@code CPU}, {@code CUDA} or {@code Vulkan}. */
  public String backendName() {
    return backendName;
  }

  /** Alignment of tensors in this device's buffers, in bytes. */
  public long alignment() {
    return alignment;
  }

  /** The largest buffer, in bytes; {@link Long#MAX_VALUE} where there is no limit. */
  public long maxBufferBytes() {
    return maxBufferBytes;
  }

  /** Whether the host addresses this device's buffers directly. */
  public boolean hostMemory() {
    return hostMemory;
  }

  /** Bytes in buffers allocated here and not yet closed. */
  public long allocatedBytes() {
    return allocatedBytes.get();
  }

  /** Memory in bytes that can still be allocated, as far as it can be known. */
  public long memoryFree() {
    if (kind != Kind.CPU) {
      return memory(0);
    }
    // Memory that is allocated and not yet touched still counts as available to the kernel, so both
    // bounds are needed.
    long total = memoryTotal();
    return Math.max(0, Math.min(total - allocatedBytes.get(), HOST_MEMORY.availableBytes(total)));
  }

  /** The device's memory in bytes; for the CPU the host's or the control group's limit. */
  public long memoryTotal() {
    return kind == Kind.CPU ? HOST_MEMORY.totalBytes(memory(1)) : memory(1);
  }

  private long memory(int which) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment out = scratch.allocate(16, 8);
      Base.ggml_backend_dev_memory(handle, out.address(), out.address() + 8);
      return out.getAtIndex(ValueLayout.JAVA_LONG, which);
    }
  }

  /**
   * Allocates a buffer, of no bytes too; the caller owns it.
   *
   * @throws GgmlException OUT_OF_MEMORY
   */
  public GgmlBuffer allocate(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("A buffer of " + bytes + " bytes");
    }
    long buffer =
        bytes > maxBufferBytes ? 0 : Base.ggml_backend_buft_alloc_buffer(bufferType, bytes);
    if (buffer == 0) {
      throw new GgmlException(
          GgmlFault.OUT_OF_MEMORY,
          "%s (%s) cannot allocate a buffer of %,d bytes: %,d of %,d bytes are free, and its largest buffer is %,d bytes"
              .formatted(name, description, bytes, memoryFree(), memoryTotal(), maxBufferBytes));
    }
    var allocated = new GgmlBuffer(this, buffer, bytes);
    allocatedBytes.addAndGet(allocated.bytes());
    return allocated;
  }

  void released(long bytes) {
    allocatedBytes.addAndGet(-bytes);
  }

  /**
   * Opens the device for computing; the caller owns the backend and uses it from one thread.
   *
   * @param threads how many threads the CPU computes with; without meaning for other devices
   * @throws GgmlException BACKEND_FAILED
   */
  public GgmlBackend openBackend(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("A backend with " + threads + " threads");
    }
    return GgmlBackend.open(this, handle, threads);
  }

  /**
   * How many bytes must be reserved for {@code tensor} in a buffer of this device, given the
   * operands of its operation (at most ten, empty where there is none).
   */
  public long allocSize(TensorDescription tensor, List<Optional<TensorDescription>> sources) {
    if (sources.size() > TensorLayout.SOURCES) {
      throw new IllegalArgumentException(
          sources.size() + " operands; ggml knows " + TensorLayout.SOURCES);
    }
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment structs = TensorLayout.allocate(scratch, 1 + sources.size());
      ByteBuffer view = TensorLayout.view(structs);
      tensor.put(view, 0);
      for (int i = 0; i < sources.size(); i++) {
        if (sources.get(i).isPresent()) {
          int at = (1 + i) * TensorLayout.BYTES;
          sources.get(i).get().put(view, at);
          view.putLong(TensorLayout.SRC + 8 * i, structs.address() + at);
        }
      }
      return Base.ggml_backend_buft_get_alloc_size(bufferType, structs.address());
    }
  }

  /**
   * What the backend says it was built with or found in the hardware, such as {@code AVX512=1}, in
   * its own order.
   */
  public Map<String, String> features() {
    Map<String, String> features = new LinkedHashMap<>();
    function("ggml_backend_get_features")
        .ifPresent(
            get -> {
              // An array of pairs of strings, ended by a null.
              Pointer entry = get.invokePointer(new Object[] {new Pointer(registration)});
              for (; entry != null && entry.getPointer(0) != null; entry = entry.share(16)) {
                String utf8 = StandardCharsets.UTF_8.name();
                features.put(
                    entry.getPointer(0).getString(0, utf8), entry.getPointer(8).getString(0, utf8));
              }
            });
    return Collections.unmodifiableMap(features);
  }

  /**
   * The faster layouts of weights that this device has, learned anew by each call; empty for
   * devices other than the CPU.
   */
  public Optional<WeightRepack> weightRepack() {
    return kind == Kind.CPU ? WeightRepack.open(this) : Optional.empty();
  }

  long handle() {
    return handle;
  }

  boolean supports(long tensor) {
    return Base.ggml_backend_dev_supports_op(handle, tensor) != 0;
  }

  /** A function that this device's backend offers beyond ggml's common ones. */
  Optional<Function> function(String functionName) {
    long address = Base.ggml_backend_reg_get_proc_address(registration, functionName);
    return address == 0
        ? Optional.empty()
        : Optional.of(Function.getFunction(new Pointer(address)));
  }

  @Override
  public String toString() {
    return name + " (" + description + ")";
  }
}
