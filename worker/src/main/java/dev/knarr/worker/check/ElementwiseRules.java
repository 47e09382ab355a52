// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.BF16;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.worker.check.Types.DEQUANTIZABLE;
import static dev.knarr.worker.check.Types.FLOATS;
import static dev.knarr.worker.check.Types.QUANTIZABLE;

import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/** Operations that look at one element, or at two in the same place, to make one. */
final class ElementwiseRules {
  private static final Set<TensorType> F32_F16 = EnumSet.of(F32, F16);
  private static final Set<TensorType> F32_BF16 = EnumSet.of(F32, BF16);

  /** {@code GGML_UNARY_OP_TRUNC}. */
  private static final int LAST_UNARY = 21;

  /** {@code GGML_UNARY_OP_XIELU}, the only function that asserts on the distance of its rows. */
  private static final int XIELU = 17;

  /** {@code GGML_GLU_OP_SWIGLU_OAI}, {@code GGML_GLU_OP_SWIGLU_CLAMP}. */
  private static final int SWIGLU_OAI = 3;

  private static final int SWIGLU_CLAMP = 6;

  private ElementwiseRules() {}

  static void fill(Map<TensorOp, Rule> rules) {
    rules.put(TensorOp.ADD, ElementwiseRules::add);
    rules.put(TensorOp.SUB, ElementwiseRules::binary);
    rules.put(TensorOp.MUL, ElementwiseRules::binary);
    rules.put(TensorOp.DIV, ElementwiseRules::binary);
    rules.put(TensorOp.ADD1, ElementwiseRules::addScalar);
    rules.put(TensorOp.SQR, ElementwiseRules::function);
    rules.put(TensorOp.SQRT, ElementwiseRules::function);
    rules.put(TensorOp.LOG, ElementwiseRules::function);
    rules.put(TensorOp.SIN, ElementwiseRules::function);
    rules.put(TensorOp.COS, ElementwiseRules::function);
    rules.put(TensorOp.UNARY, ElementwiseRules::unary);
    rules.put(TensorOp.GLU, ElementwiseRules::gatedUnit);
    rules.put(TensorOp.SCALE, ElementwiseRules::scale);
    rules.put(TensorOp.CLAMP, ElementwiseRules::clamp);
    rules.put(TensorOp.LEAKY_RELU, ElementwiseRules::leakyRelu);
    rules.put(TensorOp.SILU_BACK, ElementwiseRules::siluBack);
    rules.put(TensorOp.FILL, ElementwiseRules::fillValue);
    rules.put(TensorOp.OPT_STEP_ADAMW, op -> optimizerStep(op, 3, 7));
    rules.put(TensorOp.OPT_STEP_SGD, op -> optimizerStep(op, 1, 2));
  }

  private static void add(Operation op) {
    if (op.source(0).type().quantized()) {
      addToBlocks(op);
    } else {
      binary(op);
    }
  }

  /** {@code binary_op} of {@code binary-ops.cpp}: operand 1 is repeated, never operand 0. */
  private static void binary(Operation op) {
    Operand left = op.source(0).type(FLOATS).packed();
    Operand right = op.source(1).repeatsInto(left);
    Operand result = op.result().shapeOf(left).packed();
    TensorType type = left.type();
    boolean same = right.type() == type && result.type() == type;
    boolean mixed =
        right.type() == F32 && type != F32 && (result.type() == type || result.type() == F32);
    if (!same && !mixed) {
      throw op.refuse(
          UNSUPPORTED_OP,
          "%s with %s cannot give %s"
              .formatted(type.label(), right.type().label(), result.type().label()));
    }
  }

  /** {@code ggml_compute_forward_add_q_f32}. */
  private static void addToBlocks(Operation op) {
    Operand left = op.source(0).type(DEQUANTIZABLE);
    op.source(1).type(F32).packed().shapeOf(left);
    Operand result = op.result().shapeOf(left).packed().ascending();
    if (result.type() != F32) {
      result.typeOf(left).type(QUANTIZABLE);
    }
  }

  /** {@code ggml_compute_forward_add1}. */
  private static void addScalar(Operation op) {
    Operand left = op.source(0).packed();
    Operand right = op.source(1);
    for (int i = 0; i < 4; i++) {
      right.ne(i).is(1, "it is one number");
    }
    Operand result = op.result().typeOf(left).shapeOf(left).packed();
    if (left.type().quantized()) {
      left.type(QUANTIZABLE);
      result.ascending();
      right.type(F32);
    } else {
      left.type(FLOATS);
      right.type(EnumSet.of(F32, left.type()));
    }
  }

  /** {@code unary_op} of {@code unary-ops.cpp}. */
  private static void function(Operation op) {
    Operand source = op.source(0).type(FLOATS).packed();
    Operand result = op.result().shapeOf(source).packed();
    if (result.type() != F32) {
      result.typeOf(source);
    }
  }

  private static void unary(Operation op) {
    int function = op.param(0, 0, LAST_UNARY, "the function");
    Operand source = op.source(0).type(FLOATS).packed();
    Operand result = op.result().typeOf(source).shapeOf(source).packed();
    if (function == XIELU) {
      source.evenRows();
      result.evenRows();
    }
  }

  /** {@code ggml_compute_forward_glu}: rows, or the two halves of each row. */
  private static void gatedUnit(Operation op) {
    int function = op.param(0, 0, SWIGLU_CLAMP, "the function");
    boolean limited = function == SWIGLU_OAI || function == SWIGLU_CLAMP;
    Operand first = op.source(0).type(limited ? F32_F16 : FLOATS).evenRows();
    Operand second = op.optionalSource(1);
    Operand result = op.result().typeOf(first).evenRows();
    if (second != null) {
      second.typeOf(first).shapeOf(first).evenRows();
      result.ne(0).is(first.ne(0));
    } else {
      result.ne(0).is(first.len(0) / 2, "half a row of operand 0");
    }
    for (int i = 1; i < 4; i++) {
      result.ne(i).is(first.ne(i));
    }
  }

  /** {@code ggml_compute_forward_scale_f32} walks operand 0 by the result's rows. */
  private static void scale(Operation op) {
    Operand result = op.result().type(F32_BF16).contiguous().flatRows();
    Operand source = op.source(0).typeOf(result).shapeOf(result).contiguous();
    source.flatRows().flatRows(result.step(1));
  }

  private static void clamp(Operation op) {
    Operand source = op.source(0).type(F32_F16).packed().flatRows();
    op.result().typeOf(source).shapeOf(source).packed().flatRows();
  }

  private static void leakyRelu(Operation op) {
    Operand source = op.source(0).type(F32_F16).packedRows().flatRows();
    op.result().typeOf(source).shapeOf(source).packedRows().flatRows();
  }

  private static void siluBack(Operation op) {
    Operand gradient = op.source(0).type(F32_F16).evenRows();
    op.source(1).typeOf(gradient).shapeOf(gradient).evenRows();
    op.result().typeOf(gradient).shapeOf(gradient).evenRows();
  }

  /** The type comes from operand 0, the memory from the result. */
  private static void fillValue(Operation op) {
    Operand source = op.source(0).type(F32_F16);
    op.result().typeOf(source).shapeOf(source).packedRows();
  }

  /**
   * {@code ggml_compute_forward_opt_step_adamw}, {@code …_sgd}: the operands are updated in place,
   * all by the strides of operand 0.
   */
  private static void optimizerStep(Operation op, int states, int parameters) {
    Operand weights = op.source(0).type(F32).packed();
    op.result().type(F32).shapeOf(weights);
    for (int i = 1; i <= states; i++) {
      Operand state = op.source(i).type(F32).shapeOf(weights).packed();
      state.reaches(weights.byteSize(), "the strides of operand 0");
    }
    Operand settings = op.source(states + 1).type(F32).packedRows().dimensions(1);
    settings.ne(0).is(parameters, "parameters of the step");
  }
}
