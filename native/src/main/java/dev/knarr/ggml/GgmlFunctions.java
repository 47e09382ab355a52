// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import com.sun.jna.Callback;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import org.jspecify.annotations.Nullable;

/**
 * ggml's C functions, each under its C name, bound by JNA's direct mapping: {@link Base} to
 * libggml-base, {@link Registry} to libggml. Addresses and {@code size_t} are {@code long}, {@code
 * bool} is a {@code byte} (JNA's boolean is four bytes wide and would see garbage). A class binds
 * all its functions or none: what a build may lack is looked up one by one elsewhere.
 */
@SuppressWarnings("MemberName")
final class GgmlFunctions {
  private GgmlFunctions() {}

  /** {@code struct ggml_init_params}; passed by value. */
  @Structure.FieldOrder({"memSize", "memBuffer", "noAlloc"})
  public static final class InitParams extends Structure implements Structure.ByValue {
    public long memSize;
    public @Nullable Pointer memBuffer;
    public byte noAlloc;

    /** A context whose tensors get no data. */
    static InitParams withoutData(long memSize) {
      var params = new InitParams();
      params.memSize = memSize;
      params.noAlloc = 1;
      return params;
    }
  }

  /** {@code ggml_log_callback}. */
  interface LogCallback extends Callback {
    void invoke(int level, @Nullable Pointer text, @Nullable Pointer userData);
  }

  /** {@code ggml_abort_callback_t}. */
  interface AbortCallback extends Callback {
    void invoke(@Nullable Pointer message);
  }

  /** libggml-base. */
  static final class Base {
    private Base() {}

    static native String ggml_version();

    static native String ggml_commit();

    static native void ggml_log_set(LogCallback callback, @Nullable Pointer userData);

    static native @Nullable Pointer ggml_set_abort_callback(AbortCallback callback);

    static native @Nullable String ggml_op_name(int op);

    static native @Nullable String ggml_unary_op_name(int op);

    static native @Nullable String ggml_glu_op_name(int op);

    static native @Nullable String ggml_type_name(int type);

    static native long ggml_type_size(int type);

    static native long ggml_blck_size(int type);

    static native long ggml_tensor_overhead();

    static native long ggml_graph_overhead_custom(long size, byte grads);

    static native long ggml_init(InitParams params);

    static native void ggml_free(long context);

    static native long ggml_new_tensor_4d(
        long context, int type, long ne0, long ne1, long ne2, long ne3);

    static native long ggml_view_4d(
        long context,
        long tensor,
        long ne0,
        long ne1,
        long ne2,
        long ne3,
        long nb1,
        long nb2,
        long nb3,
        long offset);

    static native long ggml_mul_mat(long context, long a, long b);

    static native long ggml_scale(long context, long a, float factor);

    static native long ggml_set_name(long tensor, String name);

    static native void ggml_set_output(long tensor);

    static native long ggml_new_graph_custom(long context, long size, byte grads);

    static native void ggml_build_forward_order(long graph, long tensor);

    static native int ggml_graph_n_nodes(long graph);

    static native long ggml_graph_nodes(long graph);

    static native String ggml_backend_dev_name(long device);

    static native String ggml_backend_dev_description(long device);

    static native void ggml_backend_dev_memory(long device, long freeOut, long totalOut);

    static native int ggml_backend_dev_type(long device);

    static native long ggml_backend_dev_backend_reg(long device);

    static native long ggml_backend_dev_init(long device, @Nullable String params);

    static native long ggml_backend_dev_buffer_type(long device);

    static native byte ggml_backend_dev_supports_op(long device, long tensor);

    static native String ggml_backend_reg_name(long registration);

    static native long ggml_backend_reg_get_proc_address(long registration, String name);

    static native String ggml_backend_buft_name(long type);

    static native long ggml_backend_buft_alloc_buffer(long type, long size);

    static native long ggml_backend_buft_get_alignment(long type);

    static native long ggml_backend_buft_get_max_size(long type);

    static native long ggml_backend_buft_get_alloc_size(long type, long tensor);

    static native byte ggml_backend_buft_is_host(long type);

    static native void ggml_backend_buffer_free(long buffer);

    static native long ggml_backend_buffer_get_base(long buffer);

    static native long ggml_backend_buffer_get_size(long buffer);

    static native int ggml_backend_buffer_init_tensor(long buffer, long tensor);

    static native void ggml_backend_buffer_clear(long buffer, byte value);

    static native byte ggml_backend_buffer_copy_tensor(long source, long destination);

    static native int ggml_backend_tensor_alloc(long buffer, long tensor, long address);

    static native void ggml_backend_tensor_set(long tensor, long data, long offset, long size);

    static native void ggml_backend_tensor_get(long tensor, long data, long offset, long size);

    static native void ggml_backend_free(long backend);

    static native void ggml_backend_synchronize(long backend);

    static native int ggml_backend_graph_compute(long backend, long graph);
  }

  /** libggml: the registry of backends. */
  static final class Registry {
    private Registry() {}

    static native void ggml_backend_load_all_from_path(String directory);

    static native long ggml_backend_dev_count();

    static native long ggml_backend_dev_get(long index);
  }
}
