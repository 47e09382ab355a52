// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.rpc.tensor.TensorType.I64;
import static dev.knarr.worker.check.Types.FLOATS;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.EnumSet;
import java.util.Map;

/** Sums, norms, soft-max and orderings: operations that look at whole rows. */
final class ReductionRules {
  private ReductionRules() {}

  static void fill(Map<TensorOp, Rule> rules) {
    rules.put(TensorOp.SUM, ReductionRules::sum);
    rules.put(TensorOp.SUM_ROWS, ReductionRules::onePerRow);
    rules.put(TensorOp.MEAN, ReductionRules::onePerRow);
    rules.put(TensorOp.CUMSUM, op -> rows(op).packed());
    rules.put(TensorOp.ARGMAX, ReductionRules::argmax);
    rules.put(TensorOp.COUNT_EQUAL, ReductionRules::countEqual);
    rules.put(TensorOp.NORM, ReductionRules::norm);
    rules.put(TensorOp.L2_NORM, ReductionRules::norm);
    rules.put(TensorOp.RMS_NORM, ReductionRules::rmsNorm);
    rules.put(TensorOp.RMS_NORM_BACK, ReductionRules::rmsNormBack);
    rules.put(TensorOp.GROUP_NORM, ReductionRules::groupNorm);
    rules.put(TensorOp.SOFT_MAX, ReductionRules::softMax);
    rules.put(TensorOp.SOFT_MAX_BACK, ReductionRules::softMaxBack);
    rules.put(TensorOp.ARGSORT, ReductionRules::argsort);
    rules.put(TensorOp.TOP_K, ReductionRules::topK);
    rules.put(TensorOp.CROSS_ENTROPY_LOSS, ReductionRules::crossEntropy);
    rules.put(TensorOp.CROSS_ENTROPY_LOSS_BACK, ReductionRules::crossEntropyBack);
  }

  private static void sum(Operation op) {
    Operand source = op.source(0).type(FLOATS).rowsInside();
    op.result().typeOf(source).dimensions(0);
  }

  private static void onePerRow(Operation op) {
    Operand source = op.source(0).type(F32).packed();
    Operand result = op.result().type(F32).packed();
    result.ne(0).is(1, "one number per row");
    for (int i = 1; i < 4; i++) {
      result.ne(i).is(source.ne(i));
    }
  }

  /** F32 rows in, F32 rows of the same shape out. */
  private static Operand rows(Operation op) {
    Operand source = op.source(0).type(F32).packed();
    return op.result().type(F32).shapeOf(source);
  }

  private static void argmax(Operation op) {
    Operand source = op.source(0).type(F32).packedRows().dimensions(2);
    Operand result = op.result().type(I32).packed().dimensions(1);
    result.ne(0).is(source.ne(1));
  }

  /**
   * {@code ggml_compute_forward_count_equal_i32} finds its place in dimensions 1 to 3 by a wrong
   * formula, harmless with one row or with only dimension 1.
   */
  private static void countEqual(Operation op) {
    Operand first = op.source(0).type(I32).dimensions(2);
    op.source(1).type(I32).shapeOf(first);
    op.result().type(I64).dimensions(0);
  }

  private static void norm(Operation op) {
    op.notNegative(0, "epsilon");
    Operand source = op.source(0).type(F32);
    op.result().type(F32).shapeOf(source);
  }

  private static void rmsNorm(Operation op) {
    op.notNegative(0, "epsilon");
    rows(op).packedRows();
  }

  private static void rmsNormBack(Operation op) {
    rows(op).packedRows();
    op.source(1).type(F32).packed().shapeOf(op.result());
  }

  private static void groupNorm(Operation op) {
    rows(op).packedRows();
    op.param(0, 1, Math.max(1, op.result().len(2)), "the number of groups");
  }

  private static void softMax(Operation op) {
    Operand source = op.source(0).type(F32).packedRows();
    Operand result = op.result().type(F32).shapeOf(source).contiguous();
    Operand mask = op.optionalSource(1);
    if (mask != null) {
      mask.type(EnumSet.of(F32, F16)).packedRows();
      mask.ne(0).is(result.ne(0));
      mask.ne(1).atLeast(result.ne(1));
      result.ne(2).multipleOf(mask.ne(2));
      result.ne(3).multipleOf(mask.ne(3));
    }
    Operand sinks = op.optionalSource(2);
    if (sinks != null) {
      sinks.type(F32).packedRows().ne(0).atLeast(result.ne(2));
    }
  }

  private static void softMaxBack(Operation op) {
    Operand result = op.result().type(F32).contiguous().flatRows();
    for (int i = 0; i < 2; i++) {
      op.source(i).type(F32).shapeOf(result).contiguous().flatRows();
    }
    if (op.floatParam(1) != 0) {
      throw op.refuse(
          BAD_FIELD, "op_params[1], the bias, is %s; it must be 0".formatted(op.floatParam(1)));
    }
  }

  /** {@code std::sort} leaves the row when what it compares changes under it. */
  private static void argsort(Operation op) {
    op.param(0, 0, 1, "the order");
    Operand source = op.source(0).type(F32).packedRows().flatRows();
    op.result().type(I32).shapeOf(source).packed().flatRows().apartFrom(source);
  }

  private static void topK(Operation op) {
    Operand source = op.source(0).type(F32).packedRows().flatRows();
    Operand result = op.result().type(I32).packed().flatRows();
    result.ne(0).atMost(source.ne(0));
    for (int i = 1; i < 4; i++) {
      result.ne(i).is(source.ne(i));
    }
  }

  private static void crossEntropy(Operation op) {
    Operand logits = op.source(0).type(F32).packed().flatRows();
    op.source(1).type(F32).packed().shapeOf(logits).flatRows();
    op.result().type(F32).dimensions(0);
  }

  private static void crossEntropyBack(Operation op) {
    op.source(0).type(F32).dimensions(0);
    Operand logits = op.source(1).type(F32).contiguous().flatRows();
    op.source(2).type(F32).shapeOf(logits).contiguous().flatRows();
    op.result().type(F32).shapeOf(logits).contiguous().flatRows();
  }
}
