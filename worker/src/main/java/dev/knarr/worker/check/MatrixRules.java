// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.tensor.TensorType.BF16;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.worker.check.Types.DEQUANTIZABLE;
import static dev.knarr.worker.check.Types.READABLE;

import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/** Products of matrices. */
final class MatrixRules {
  /** {@code GGML_HINT_SRC0_IS_HADAMARD}: operand 0 is not read, its effect is known. */
  private static final int HADAMARD = 1;

  private MatrixRules() {}

  static void fill(Map<TensorOp, Rule> rules) {
    rules.put(TensorOp.MUL_MAT, MatrixRules::mulMat);
    rules.put(TensorOp.MUL_MAT_ID, MatrixRules::mulMatId);
    rules.put(TensorOp.OUT_PROD, MatrixRules::outProd);
    rules.put(TensorOp.SOLVE_TRI, MatrixRules::solveTriangular);
  }

  /** {@code ggml_compute_forward_mul_mat}: weights repeat over dimensions 2 and 3. */
  private static void mulMat(Operation op) {
    Operand weights = op.source(0).type(READABLE).packed();
    Operand columns = op.source(1).packed();
    Operand result = op.result().type(F32).packed().ascending();
    columns.ne(0).is(weights.ne(0));
    columns.ne(2).multipleOf(weights.ne(2));
    columns.ne(3).multipleOf(weights.ne(3));
    result.ne(0).is(weights.ne(1));
    result.ne(1).is(columns.ne(1));
    result.ne(2).is(columns.ne(2));
    result.ne(3).is(columns.ne(3));
    if (op.param(1) == HADAMARD) {
      weights.type(F32).ne(1).is(weights.ne(0));
      columns.type(EnumSet.of(F32, F16));
      if (Long.bitCount(columns.len(0)) > 1) {
        throw op.refuse(BAD_SHAPE, "%s must be a power of two".formatted(columns.ne(0)));
      }
    } else {
      columns.type(factors(weights.type()));
    }
  }

  /** What a factor may be: F32, or the type the other wants; BF16 is widened for F32. */
  private static Set<TensorType> factors(TensorType weights) {
    EnumSet<TensorType> types = EnumSet.of(F32, Types.dotPartner(weights));
    if (weights == F32) {
      types.add(BF16);
    }
    return types;
  }

  /** {@code ggml_compute_forward_mul_mat_id}: one matrix per expert, {@code ids} chooses. */
  private static void mulMatId(Operation op) {
    Operand experts = op.source(0).type(READABLE).packed().dimensions(3);
    Operand columns =
        op.source(1).type(EnumSet.of(F32, Types.dotPartner(experts.type()))).packed().dimensions(3);
    Operand ids = op.source(2).type(I32).dimensions(2);
    Operand result = op.result().type(F32).packed().ascending().dimensions(3);
    columns.ne(0).is(experts.ne(0));
    columns.ne(2).is(ids.ne(1));
    ids.ne(0).multipleOf(columns.ne(1));
    result.ne(0).is(experts.ne(1));
    result.ne(1).is(ids.ne(0));
    result.ne(2).is(columns.ne(2));
  }

  /** {@code ggml_compute_forward_out_prod}. Only F32 can be repeated over dimensions 2 and 3. */
  private static void outProd(Operation op) {
    Operand left = op.source(0).packed();
    Operand right = op.source(1).type(F32);
    Operand result = op.result().type(F32).packed().contiguous();
    left.ne(1).is(right.ne(1));
    result.ne(0).is(left.ne(0));
    result.ne(1).is(right.ne(0));
    result.ne(2).is(right.ne(2));
    result.ne(3).is(right.ne(3));
    if (left.type() == F32) {
      right.ne(2).multipleOf(left.ne(2));
      right.ne(3).multipleOf(left.ne(3));
    } else {
      EnumSet<TensorType> types = EnumSet.copyOf(DEQUANTIZABLE);
      types.add(F16);
      left.type(types);
      right.ne(2).is(left.ne(2));
      right.ne(3).is(left.ne(3));
    }
  }

  private static void solveTriangular(Operation op) {
    Operand matrix = op.source(0).type(F32).contiguous();
    Operand right = op.source(1).type(F32).contiguous();
    matrix.ne(0).is(matrix.ne(1));
    right.ne(1).is(matrix.ne(1));
    right.ne(2).is(matrix.ne(2));
    right.ne(3).is(matrix.ne(3));
    op.result().type(F32).shapeOf(right).contiguous();
  }
}
