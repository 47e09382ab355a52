// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import dev.knarr.ggml.GgmlFunctions.Base;
import dev.knarr.ggml.GgmlFunctions.InitParams;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Measures {@code struct ggml_tensor}: lets the library make tensors through its own functions and
 * looks where it put what.
 */
final class LayoutProbe {
  private static final int TYPE_F32 = 0;
  private static final int TYPE_Q8_0 = 8;

  private final LibraryCheck check;
  private final long context;

  private LayoutProbe(LibraryCheck check, long context) {
    this.check = check;
    this.context = context;
  }

  static void run(LibraryCheck check) {
    check.expect("ggml_tensor_overhead()", Base.ggml_tensor_overhead(), TensorLayout.OVERHEAD);
    long context = Base.ggml_init(InitParams.withoutData(32L * TensorLayout.OVERHEAD));
    if (context == 0) {
      throw new GgmlException(
          GgmlFault.OUT_OF_MEMORY, "No memory for the check of ggml's structures");
    }
    try {
      var probe = new LayoutProbe(check, context);
      probe.shape();
      probe.view();
      probe.operation();
    } finally {
      Base.ggml_free(context);
    }
  }

  private void shape() {
    long address = Base.ggml_new_tensor_4d(context, TYPE_Q8_0, 64, 3, 5, 7);
    long next = Base.ggml_new_tensor_4d(context, TYPE_F32, 1, 1, 1, 1);
    check.expect("distance of two tensors", next - address, TensorLayout.OVERHEAD);
    Base.ggml_set_name(address, "knarr");
    ByteBuffer tensor = at(address);
    check.expect("ggml_tensor.type", tensor.getInt(TensorLayout.TYPE), TYPE_Q8_0);
    long[] ne = {64, 3, 5, 7};
    long[] nb = {34, 68, 204, 1020};
    for (int i = 0; i < TensorLayout.DIMENSIONS; i++) {
      check.expect("ggml_tensor.ne[" + i + "]", tensor.getLong(TensorLayout.NE + 8 * i), ne[i]);
      check.expect("ggml_tensor.nb[" + i + "]", tensor.getLong(TensorLayout.NB + 8 * i), nb[i]);
    }
    byte[] name = new byte[6];
    tensor.get(TensorLayout.NAME, name);
    check.expect("ggml_tensor.name", new String(name, StandardCharsets.US_ASCII), "knarr\0");
    check.expect("ggml_tensor.flags", tensor.getInt(TensorLayout.FLAGS), 0L);
    Base.ggml_set_output(address);
    check.expect(
        "ggml_tensor.flags of an output",
        tensor.getInt(TensorLayout.FLAGS),
        TensorLayout.FLAG_OUTPUT);
  }

  private void view() {
    long source = Base.ggml_new_tensor_4d(context, TYPE_F32, 8, 4, 1, 1);
    ByteBuffer view = at(Base.ggml_view_4d(context, source, 4, 2, 1, 1, 32, 128, 128, 16));
    check.expect(
        "ggml_tensor.op of a view", view.getInt(TensorLayout.OP), GgmlTables.OPS.indexOf("VIEW"));
    check.expect("ggml_tensor.src[0] of a view", view.getLong(TensorLayout.SRC), source);
    check.expect("ggml_tensor.view_src", view.getLong(TensorLayout.VIEW_SRC), source);
    check.expect("ggml_tensor.view_offs", view.getLong(TensorLayout.VIEW_OFFS), 16);
  }

  private void operation() {
    long a = Base.ggml_new_tensor_4d(context, TYPE_F32, 8, 4, 1, 1);
    long b = Base.ggml_new_tensor_4d(context, TYPE_F32, 8, 2, 1, 1);
    ByteBuffer product = at(Base.ggml_mul_mat(context, a, b));
    check.expect(
        "ggml_tensor.op of a product",
        product.getInt(TensorLayout.OP),
        GgmlTables.OPS.indexOf("MUL_MAT"));
    check.expect("ggml_tensor.src[0]", product.getLong(TensorLayout.SRC), a);
    check.expect("ggml_tensor.src[1]", product.getLong(TensorLayout.SRC + 8), b);
    ByteBuffer scaled = at(Base.ggml_scale(context, a, 2.5f));
    check.expect(
        "ggml_tensor.op_params", Float.toString(scaled.getFloat(TensorLayout.OP_PARAMS)), "2.5");
  }

  /**
   * Where a tensor's buffer and data are can only be seen once there is a device to give a buffer.
   */
  static void placement(LibraryCheck check, GgmlDevice device) {
    long context = Base.ggml_init(InitParams.withoutData(4L * TensorLayout.OVERHEAD));
    try (GgmlBuffer buffer = device.allocate(1024)) {
      long address = Base.ggml_new_tensor_4d(context, TYPE_F32, 8, 1, 1, 1);
      long data = buffer.base() + device.alignment();
      check.expect(
          "ggml_backend_tensor_alloc()",
          Base.ggml_backend_tensor_alloc(buffer.handle(), address, data),
          0L);
      check.expect("ggml_tensor.buffer", at(address).getLong(TensorLayout.BUFFER), buffer.handle());
      check.expect("ggml_tensor.data", at(address).getLong(TensorLayout.DATA), data);
    } finally {
      Base.ggml_free(context);
    }
  }

  private static ByteBuffer at(long tensor) {
    return MemorySegment.ofAddress(tensor)
        .reinterpret(TensorLayout.BYTES)
        .asByteBuffer()
        .order(ByteOrder.LITTLE_ENDIAN);
  }
}
