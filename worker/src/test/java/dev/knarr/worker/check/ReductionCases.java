// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.BF16;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.rpc.tensor.TensorType.I64;
import static dev.knarr.worker.check.Case.accepted;
import static dev.knarr.worker.check.Case.refused;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.missing;
import static dev.knarr.worker.check.Draft.result;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.stream.Stream;

/** Sums, norms, soft-max and orderings. */
final class ReductionCases {
  private ReductionCases() {}

  static Stream<Case> all() {
    return Stream.of(
        accepted("a tensor", result(TensorOp.SUM, F32, 1), data(F32, 4, 3)),
        refused(BAD_SHAPE, "into two numbers", result(TensorOp.SUM, F32, 2), data(F32, 4)),
        refused(
            OUT_OF_RANGE,
            "columns whose rows reach too far",
            result(TensorOp.SUM, F32, 1),
            data(F32, 64, 2).strides(0, 4, 8, 8)),
        accepted("rows", result(TensorOp.SUM_ROWS, F32, 1, 3), data(F32, 4, 3)),
        refused(
            BAD_SHAPE, "too few results", result(TensorOp.SUM_ROWS, F32, 1, 2), data(F32, 4, 3)),
        refused(UNSUPPORTED_OP, "F16", result(TensorOp.SUM_ROWS, F32, 1), data(F16, 4)),
        accepted("rows", result(TensorOp.MEAN, F32, 1, 3), data(F32, 4, 3)),
        refused(BAD_SHAPE, "too few results", result(TensorOp.MEAN, F32, 1, 2), data(F32, 4, 3)),
        refused(UNSUPPORTED_OP, "F16", result(TensorOp.MEAN, F32, 1), data(F16, 4)),
        accepted("rows", result(TensorOp.CUMSUM, F32, 4, 3), data(F32, 4, 3)),
        refused(BAD_SHAPE, "another shape", result(TensorOp.CUMSUM, F32, 4, 3), data(F32, 4, 2)),
        accepted("rows", result(TensorOp.ARGMAX, I32, 3), data(F32, 4, 3)),
        refused(BAD_SHAPE, "too few results", result(TensorOp.ARGMAX, I32, 2), data(F32, 4, 3)),
        refused(UNSUPPORTED_OP, "I64 results", result(TensorOp.ARGMAX, I64, 3), data(F32, 4, 3)),
        accepted("rows", result(TensorOp.COUNT_EQUAL, I64, 1), data(I32, 4, 3), data(I32, 4, 3)),
        refused(
            BAD_SHAPE,
            "three dimensions",
            result(TensorOp.COUNT_EQUAL, I64, 1),
            data(I32, 4, 3, 2),
            data(I32, 4, 3, 2)),
        refused(
            UNSUPPORTED_OP,
            "F32",
            result(TensorOp.COUNT_EQUAL, I64, 1),
            data(F32, 4),
            data(F32, 4)),
        accepted("rows", result(TensorOp.NORM, F32, 4, 3).param(0, 1e-5f), data(F32, 4, 3)),
        refused(
            BAD_FIELD,
            "a negative epsilon",
            result(TensorOp.NORM, F32, 4).param(0, -1f),
            data(F32, 4)),
        refused(
            BAD_FIELD,
            "an epsilon that is no number",
            result(TensorOp.NORM, F32, 4).param(0, Float.NaN),
            data(F32, 4)),
        refused(UNSUPPORTED_OP, "F16", result(TensorOp.NORM, F16, 4), data(F16, 4)),
        accepted("rows", result(TensorOp.L2_NORM, F32, 4, 3).param(0, 1e-5f), data(F32, 4, 3)),
        refused(
            BAD_FIELD,
            "a negative epsilon",
            result(TensorOp.L2_NORM, F32, 4).param(0, -1f),
            data(F32, 4)),
        refused(
            BAD_FIELD,
            "an epsilon that is no number",
            result(TensorOp.L2_NORM, F32, 4).param(0, Float.NaN),
            data(F32, 4)),
        refused(UNSUPPORTED_OP, "F16", result(TensorOp.L2_NORM, F16, 4), data(F16, 4)),
        accepted("rows", result(TensorOp.RMS_NORM, F32, 4, 3).param(0, 1e-5f), data(F32, 4, 3)),
        refused(
            BAD_FIELD,
            "a negative epsilon",
            result(TensorOp.RMS_NORM, F32, 4).param(0, -1f),
            data(F32, 4)),
        refused(
            BAD_FIELD,
            "an epsilon that is no number",
            result(TensorOp.RMS_NORM, F32, 4).param(0, Float.NaN),
            data(F32, 4)),
        refused(UNSUPPORTED_OP, "F16", result(TensorOp.RMS_NORM, F16, 4), data(F16, 4)),
        accepted(
            "rows", result(TensorOp.RMS_NORM_BACK, F32, 4, 3), data(F32, 4, 3), data(F32, 4, 3)),
        refused(
            BAD_SHAPE,
            "another shape",
            result(TensorOp.RMS_NORM_BACK, F32, 4, 3),
            data(F32, 4, 3),
            data(F32, 4, 1)),
        accepted(
            "two groups",
            result(TensorOp.GROUP_NORM, F32, 4, 3, 6).param(0, 2),
            data(F32, 4, 3, 6)),
        refused(
            BAD_FIELD, "no groups", result(TensorOp.GROUP_NORM, F32, 4, 3, 6), data(F32, 4, 3, 6)),
        accepted(
            "a mask", result(TensorOp.SOFT_MAX, F32, 8, 4, 2), data(F32, 8, 4, 2), data(F16, 8, 4)),
        refused(
            BAD_SHAPE,
            "a mask with too few rows",
            result(TensorOp.SOFT_MAX, F32, 8, 4, 2),
            data(F32, 8, 4, 2),
            data(F16, 8, 3)),
        refused(
            BAD_SHAPE,
            "too few sinks",
            result(TensorOp.SOFT_MAX, F32, 8, 4, 2),
            data(F32, 8, 4, 2),
            missing(),
            data(F32, 1)),
        refused(
            UNSUPPORTED_OP,
            "a BF16 mask",
            result(TensorOp.SOFT_MAX, F32, 8),
            data(F32, 8),
            data(BF16, 8)),
        accepted(
            "rows", result(TensorOp.SOFT_MAX_BACK, F32, 8, 4), data(F32, 8, 4), data(F32, 8, 4)),
        refused(
            BAD_FIELD,
            "a bias",
            result(TensorOp.SOFT_MAX_BACK, F32, 8).param(1, 1f),
            data(F32, 8),
            data(F32, 8)),
        accepted("rows", result(TensorOp.ARGSORT, I32, 8, 4).at(0x9000), data(F32, 8, 4)),
        refused(
            OUT_OF_RANGE, "over what is sorted", result(TensorOp.ARGSORT, I32, 8), data(F32, 8)),
        refused(BAD_FIELD, "order 2", result(TensorOp.ARGSORT, I32, 8).param(0, 2), data(F32, 8)),
        refused(BAD_SHAPE, "another shape", result(TensorOp.ARGSORT, I32, 8, 4), data(F32, 8, 3)),
        accepted("the first two", result(TensorOp.TOP_K, I32, 2, 4), data(F32, 8, 4)),
        refused(
            BAD_SHAPE, "more than there are", result(TensorOp.TOP_K, I32, 9, 4), data(F32, 8, 4)),
        accepted(
            "rows", result(TensorOp.CROSS_ENTROPY_LOSS, F32, 1), data(F32, 8, 4), data(F32, 8, 4)),
        refused(
            BAD_SHAPE,
            "another shape",
            result(TensorOp.CROSS_ENTROPY_LOSS, F32, 1),
            data(F32, 8, 4),
            data(F32, 8, 3)),
        accepted(
            "rows",
            result(TensorOp.CROSS_ENTROPY_LOSS_BACK, F32, 8, 4),
            data(F32, 1),
            data(F32, 8, 4),
            data(F32, 8, 4)),
        refused(
            BAD_SHAPE,
            "two gradients",
            result(TensorOp.CROSS_ENTROPY_LOSS_BACK, F32, 8, 4),
            data(F32, 2),
            data(F32, 8, 4),
            data(F32, 8, 4)));
  }
}
