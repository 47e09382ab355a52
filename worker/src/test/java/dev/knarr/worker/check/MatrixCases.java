// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.BF16;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.F64;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.rpc.tensor.TensorType.I64;
import static dev.knarr.rpc.tensor.TensorType.Q4_0;
import static dev.knarr.rpc.tensor.TensorType.Q4_K;
import static dev.knarr.rpc.tensor.TensorType.Q8_K;
import static dev.knarr.worker.check.Case.accepted;
import static dev.knarr.worker.check.Case.refused;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.missing;
import static dev.knarr.worker.check.Draft.result;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.stream.Stream;

/** Products of matrices. */
final class MatrixCases {
  private MatrixCases() {}

  static Stream<Case> all() {
    return Stream.of(
        accepted(
            "weights over two heads",
            result(TensorOp.MUL_MAT, F32, 8, 5, 4),
            data(Q4_K, 256, 8, 2),
            data(F32, 256, 5, 4)),
        accepted(
            "F16 with F16", result(TensorOp.MUL_MAT, F32, 8, 5), data(F16, 4, 8), data(F16, 4, 5)),
        refused(
            BAD_SHAPE,
            "rows of unequal length",
            result(TensorOp.MUL_MAT, F32, 8, 5),
            data(F32, 33, 8),
            data(F32, 32, 5)),
        refused(
            BAD_SHAPE,
            "heads that do not share",
            result(TensorOp.MUL_MAT, F32, 8, 5, 3),
            data(F32, 4, 8, 2),
            data(F32, 4, 5, 3)),
        refused(
            BAD_SHAPE,
            "too large a result",
            result(TensorOp.MUL_MAT, F32, 9, 5),
            data(F32, 4, 8),
            data(F32, 4, 5)),
        refused(
            UNSUPPORTED_OP,
            "F64 weights",
            result(TensorOp.MUL_MAT, F32, 8, 5),
            data(F64, 4, 8),
            data(F32, 4, 5)),
        refused(
            UNSUPPORTED_OP,
            "weights in a type made for the other factor",
            result(TensorOp.MUL_MAT, F32, 8, 5),
            data(Q8_K, 256, 8),
            data(F32, 256, 5)),
        refused(
            UNSUPPORTED_OP,
            "Q4_0 with F16",
            result(TensorOp.MUL_MAT, F32, 8, 5),
            data(Q4_0, 32, 8),
            data(F16, 32, 5)),
        refused(
            UNSUPPORTED_OP,
            "an F16 result",
            result(TensorOp.MUL_MAT, F16, 8, 5),
            data(F32, 4, 8),
            data(F32, 4, 5)),
        refused(
            BAD_GRAPH,
            "without weights",
            result(TensorOp.MUL_MAT, F32, 8, 5),
            missing(),
            data(F32, 4, 5)),
        refused(
            BAD_SHAPE,
            "columns of elements with gaps",
            result(TensorOp.MUL_MAT, F32, 8, 5),
            data(F32, 4, 8),
            data(F32, 4, 5).strides(8, 32, 160, 160)),
        refused(
            BAD_SHAPE,
            "a Hadamard matrix that is not square",
            result(TensorOp.MUL_MAT, F32, 2, 5).param(1, 1),
            data(F32, 4, 2),
            data(F32, 4, 5)),
        accepted(
            "a Hadamard matrix",
            result(TensorOp.MUL_MAT, F32, 4, 5).param(1, 1),
            data(F32, 4, 4),
            data(F32, 4, 5)),
        refused(
            BAD_SHAPE,
            "a Hadamard matrix of 6",
            result(TensorOp.MUL_MAT, F32, 6, 5).param(1, 1),
            data(F32, 6, 6),
            data(F32, 6, 5)),
        accepted(
            "two of four experts",
            result(TensorOp.MUL_MAT_ID, F32, 8, 2, 5),
            data(Q4_0, 32, 8, 4),
            data(F32, 32, 1, 5),
            data(I32, 2, 5)),
        refused(
            BAD_SHAPE,
            "choices for fewer tokens",
            result(TensorOp.MUL_MAT_ID, F32, 8, 2, 5),
            data(F32, 4, 8, 4),
            data(F32, 4, 1, 5),
            data(I32, 2, 4)),
        refused(
            UNSUPPORTED_OP,
            "choices that are I64",
            result(TensorOp.MUL_MAT_ID, F32, 8, 2, 5),
            data(F32, 4, 8, 4),
            data(F32, 4, 1, 5),
            data(I64, 2, 5)),
        refused(
            BAD_SHAPE,
            "columns that do not share",
            result(TensorOp.MUL_MAT_ID, F32, 8, 3, 5),
            data(F32, 4, 8, 4),
            data(F32, 4, 2, 5),
            data(I32, 3, 5)),
        refused(
            UNSUPPORTED_OP,
            "F16 columns of F32 experts",
            result(TensorOp.MUL_MAT_ID, F32, 8, 2, 5),
            data(F32, 4, 8, 4),
            data(F16, 4, 1, 5),
            data(I32, 2, 5)),
        refused(
            BAD_GRAPH,
            "without choices",
            result(TensorOp.MUL_MAT_ID, F32, 8, 2, 5),
            data(F32, 4, 8, 4),
            data(F32, 4, 1, 5)),
        accepted(
            "a matrix", result(TensorOp.OUT_PROD, F32, 4, 6), data(F32, 4, 5), data(F32, 6, 5)),
        refused(
            BAD_SHAPE,
            "another count of columns",
            result(TensorOp.OUT_PROD, F32, 4, 6),
            data(F32, 4, 5),
            data(F32, 6, 4)),
        refused(
            BAD_SHAPE,
            "repeated blocks",
            result(TensorOp.OUT_PROD, F32, 32, 6, 2),
            data(Q4_0, 32, 5),
            data(F32, 6, 5, 2)),
        refused(
            UNSUPPORTED_OP,
            "BF16",
            result(TensorOp.OUT_PROD, F32, 4, 6),
            data(BF16, 4, 5),
            data(F32, 6, 5)),
        accepted(
            "a square", result(TensorOp.SOLVE_TRI, F32, 3, 4), data(F32, 4, 4), data(F32, 3, 4)),
        refused(
            BAD_SHAPE,
            "no square",
            result(TensorOp.SOLVE_TRI, F32, 3, 4),
            data(F32, 5, 4),
            data(F32, 3, 4)),
        refused(
            BAD_SHAPE,
            "another height",
            result(TensorOp.SOLVE_TRI, F32, 3, 4),
            data(F32, 4, 4),
            data(F32, 3, 5)));
  }
}
