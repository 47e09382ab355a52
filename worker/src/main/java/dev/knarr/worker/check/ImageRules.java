// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;

import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/** Pooling, resizing, padding, masks of position, and numbers made from parameters alone. */
final class ImageRules {
  private static final Set<TensorType> F32_F16 = EnumSet.of(F32, F16);

  /** Windows are loops, so a parameter of 2^31 would never end. */
  private static final int MAX_WINDOW = 1 << 16;

  /**
   * {@code UPSCALE} divides in float: beyond this a quotient can round up past the last element.
   */
  private static final int MAX_SCALED = 1 << 20;

  private ImageRules() {}

  static void fill(Map<TensorOp, Rule> rules) {
    rules.put(TensorOp.POOL_1D, ImageRules::pool1d);
    rules.put(TensorOp.POOL_2D, ImageRules::pool2d);
    rules.put(TensorOp.POOL_2D_BACK, ImageRules::pool2dBack);
    rules.put(TensorOp.UPSCALE, ImageRules::upscale);
    rules.put(TensorOp.PAD, ImageRules::pad);
    rules.put(TensorOp.PAD_REFLECT_1D, ImageRules::padReflect);
    rules.put(TensorOp.ROLL, ImageRules::roll);
    rules.put(TensorOp.ARANGE, ImageRules::arange);
    rules.put(TensorOp.TIMESTEP_EMBEDDING, ImageRules::timestepEmbedding);
    rules.put(TensorOp.TRI, ImageRules::triangle);
    rules.put(TensorOp.DIAG, ImageRules::diagonal);
    rules.put(TensorOp.DIAG_MASK_INF, ImageRules::diagonalMask);
    rules.put(TensorOp.DIAG_MASK_ZERO, ImageRules::diagonalMask);
  }

  private static void pool1d(Operation op) {
    op.param(0, 0, 1, "the kind of pooling");
    window(op, 1);
    window(op, 2);
    op.param(3, 0, MAX_WINDOW, "the padding");
    Operand source = op.source(0).type(F32_F16).packedRows().flatRows();
    Operand result = op.result().type(F32).packedRows().flatRows();
    for (int i = 1; i < 4; i++) {
      result.ne(i).is(source.ne(i));
    }
    places(op, result.len(0), op.param(2));
  }

  private static void pool2d(Operation op) {
    window2d(op);
    Operand source = op.source(0).type(F32_F16).contiguous();
    Operand result = op.result().type(F32).contiguous();
    planes(op, source);
    result.ne(2).is(source.ne(2));
    result.ne(3).is(source.ne(3));
    places(op, result.len(0), op.param(3));
    places(op, result.len(1), op.param(4));
  }

  /**
   * {@code ggml_compute_forward_pool_2d_back} finds its way in operand 1 by the result's strides.
   */
  private static void pool2dBack(Operation op) {
    window2d(op);
    Operand gradient = op.source(0).type(F32).contiguous();
    Operand result = op.result().type(F32_F16).contiguous();
    op.source(1).typeOf(result).shapeOf(result).reaches(result.byteSize(), "the result's strides");
    planes(op, result);
    gradient.ne(2).is(result.ne(2));
    gradient.ne(3).is(result.ne(3));
    places(op, gradient.len(0), op.param(3));
    places(op, gradient.len(1), op.param(4));
  }

  private static void window2d(Operation op) {
    op.param(0, 0, 1, "the kind of pooling");
    for (int i = 1; i <= 4; i++) {
      window(op, i);
    }
    op.param(5, 0, MAX_WINDOW, "the padding");
    op.param(6, 0, MAX_WINDOW, "the padding");
  }

  private static void window(Operation op, int index) {
    op.param(index, 1, MAX_WINDOW, "a window or its step");
  }

  /** The kernel counts places in an int. */
  private static void places(Operation op, long count, long step) {
    if (count * step > Integer.MAX_VALUE - 2L * MAX_WINDOW) {
      throw op.refuse(BAD_SHAPE, "%d steps of %d leave 31 bits".formatted(count, step));
    }
  }

  /** The kernel takes planes {@code nb[2]} apart until the bytes are used up. */
  private static void planes(Operation op, Operand image) {
    if (image.empty()) {
      return;
    }
    long planes = image.len(2) * image.len(3);
    long step = image.step(2);
    if (step == 0 || Math.ceilDiv(image.byteSize(), step) != planes) {
      throw op.refuse(
          BAD_SHAPE,
          "planes %d bytes apart in %d bytes of %s are not the %d it has"
              .formatted(step, image.byteSize(), image, planes));
    }
    long plane = (image.len(1) - 1) * image.step(1) + image.rowBytes();
    image.reaches((planes - 1) * step + plane, "its planes");
  }

  private static void upscale(Operation op) {
    int mode = op.param(0) & 0xff;
    if (mode > 2) {
      throw op.refuse(BAD_FIELD, "op_params[0] has mode %d; it must be 0 to 2".formatted(mode));
    }
    Operand source = op.source(0).type(F32);
    Operand result = op.result().type(F32);
    for (int i = 0; i < 4; i++) {
      source.ne(i).atMost(MAX_SCALED, "the scale is a float");
      result.ne(i).atMost(MAX_SCALED, "the scale is a float");
    }
  }

  /** {@code ggml_compute_forward_pad_f32} writes the result as one run. */
  private static void pad(Operation op) {
    boolean circular = op.param(8) != 0;
    Operand source = op.source(0).type(F32);
    Operand result = op.result().type(F32).packedRows().contiguous();
    for (int i = 0; i < 4; i++) {
      long most = circular ? source.len(i) : Integer.MAX_VALUE;
      long before = op.param(2 * i, 0, most, "padding before");
      long after = op.param(2 * i + 1, 0, Integer.MAX_VALUE, "padding behind");
      result.ne(i).is(source.len(i) + before + after, "operand 0 with its padding");
    }
    if (circular && !result.empty()) {
      source.notEmpty();
    }
  }

  private static void padReflect(Operation op) {
    Operand source = op.source(0).type(F32).packedRows();
    Operand result = op.result().type(F32).packed();
    long most = Math.max(0, source.len(0) - 1);
    long before = op.param(0, 0, most, "padding before");
    long after = op.param(1, 0, most, "padding behind");
    result.ne(0).is(source.len(0) + before + after, "operand 0 with its padding");
    for (int i = 1; i < 4; i++) {
      result.ne(i).is(source.ne(i));
    }
  }

  private static void roll(Operation op) {
    Operand source = op.source(0).type(F32).packed();
    op.result().type(F32).shapeOf(source).packed();
    for (int i = 0; i < 4; i++) {
      long most = Math.max(0, source.len(i) - 1);
      op.param(i, -most, most, "a shift");
    }
  }

  /** The count is what {@code ggml_arange} computes, in float. */
  private static void arange(Operation op) {
    Operand result = op.result().type(F32).packed().contiguous();
    float count = (op.floatParam(1) - op.floatParam(0)) / op.floatParam(2);
    if (!Float.isFinite(count) || (long) Math.ceil(count) != result.elements()) {
      throw op.refuse(
          BAD_SHAPE,
          "%s to %s by %s are not the %d elements of the result"
              .formatted(op.floatParam(0), op.floatParam(1), op.floatParam(2), result.elements()));
    }
  }

  private static void timestepEmbedding(Operation op) {
    Operand steps = op.source(0).type(F32).packed().dimensions(1);
    Operand result = op.result().type(F32).packed();
    result.ne(0).atLeast(op.param(0, 1, Integer.MAX_VALUE, "the dimension"), "the dimension");
    result.ne(1).is(steps.ne(0));
  }

  private static void triangle(Operation op) {
    op.param(0, 0, 3, "the kind of triangle");
    Operand source = op.source(0).type(F32).contiguous();
    source.ne(0).is(source.ne(1));
    op.result().type(F32).shapeOf(source).packedRows();
  }

  private static void diagonal(Operation op) {
    Operand source = op.source(0).type(F32).packed();
    Operand result = op.result().type(F32).packed();
    source.ne(1).is(1, "one diagonal");
    result.ne(0).is(source.ne(0));
    result.ne(1).is(source.ne(0));
    result.ne(2).is(source.ne(2));
    result.ne(3).is(source.ne(3));
  }

  /** {@code ggml_compute_forward_diag_mask_f32} goes from plane to plane by {@code nb[2]} alone. */
  private static void diagonalMask(Operation op) {
    op.param(0, 0, Integer.MAX_VALUE, "n_past");
    Operand source = op.source(0).type(F32).packed();
    Operand result = op.result().type(F32).shapeOf(source).packed();
    if (result.empty()) {
      return;
    }
    if (source.tensor().data() != result.tensor().data()) {
      source.contiguous();
      result.contiguous();
    }
    long planes = result.len(2) * result.len(3);
    long plane = (result.len(1) - 1) * result.step(1) + result.rowBytes();
    result.reaches(op.product(planes - 1, result.step(2)) + plane, "planes nb[2] apart");
  }
}
