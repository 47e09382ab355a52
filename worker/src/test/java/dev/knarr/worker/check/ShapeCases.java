// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.F64;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.rpc.tensor.TensorType.I64;
import static dev.knarr.rpc.tensor.TensorType.IQ1_S;
import static dev.knarr.rpc.tensor.TensorType.Q4_0;
import static dev.knarr.rpc.tensor.TensorType.Q8_1;
import static dev.knarr.worker.check.Case.accepted;
import static dev.knarr.worker.check.Case.refused;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.missing;
import static dev.knarr.worker.check.Draft.result;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.stream.Stream;

/** Views and copies. */
final class ShapeCases {
  private ShapeCases() {}

  static Stream<Case> all() {
    return Stream.concat(views(), copies());
  }

  private static Stream<Case> views() {
    return Stream.of(
        accepted("plain data", result(TensorOp.NONE, F32, 4)),
        accepted("a part", result(TensorOp.VIEW, F32, 4), data(F32, 8)),
        refused(UNSUPPORTED_OP, "another type", result(TensorOp.VIEW, F32, 4), data(F16, 8)),
        refused(BAD_GRAPH, "of nothing", result(TensorOp.VIEW, F32, 4), missing()),
        accepted("same count", result(TensorOp.RESHAPE, F32, 4, 6), data(F32, 24)),
        refused(BAD_SHAPE, "another count", result(TensorOp.RESHAPE, F32, 4, 6), data(F32, 23)),
        accepted(
            "axes 1 0 2 3",
            result(TensorOp.PERMUTE, F32, 6, 4).strides(16, 4, 96, 96).params(1, 0, 2, 3),
            data(F32, 4, 6)),
        refused(
            BAD_FIELD,
            "axis 4",
            result(TensorOp.PERMUTE, F32, 4, 6).params(0, 1, 2, 4),
            data(F32, 4, 6)),
        refused(
            BAD_FIELD,
            "an axis twice",
            result(TensorOp.PERMUTE, F32, 1, 1).params(0, 0, 2, 3),
            data(F32, 1, 1).strides(4, 4, 4, 4)),
        accepted(
            "swapped",
            result(TensorOp.TRANSPOSE, F32, 6, 4).strides(16, 4, 96, 96),
            data(F32, 4, 6)),
        refused(BAD_SHAPE, "not swapped", result(TensorOp.TRANSPOSE, F32, 4, 6), data(F32, 4, 6)));
  }

  private static Stream<Case> copies() {
    return Stream.of(
        accepted(
            "rows with gaps",
            result(TensorOp.CONT, F32, 4, 6),
            data(F32, 4, 6).strides(4, 32, 192, 192)),
        refused(UNSUPPORTED_OP, "to another type", result(TensorOp.CONT, F16, 4), data(F32, 4)),
        accepted("any type", result(TensorOp.DUP, I64, 4), data(I64, 4)),
        refused(BAD_SHAPE, "another count", result(TensorOp.DUP, F32, 5), data(F32, 4)),
        accepted("F32 as F16", result(TensorOp.CPY, F16, 8), data(F32, 8), data(F16, 8)),
        accepted("F32 as Q4_0", result(TensorOp.CPY, Q4_0, 64), data(F32, 64), data(Q4_0, 64)),
        accepted("Q4_0 as F32", result(TensorOp.CPY, F32, 64), data(Q4_0, 64), data(F32, 64)),
        refused(BAD_SHAPE, "another count", result(TensorOp.CPY, F32, 8), data(F32, 9)),
        refused(UNSUPPORTED_OP, "F64 as F32", result(TensorOp.CPY, F32, 8), data(F64, 8)),
        refused(UNSUPPORTED_OP, "F16 as I32", result(TensorOp.CPY, I32, 8), data(F16, 8)),
        refused(
            UNSUPPORTED_OP,
            "a type that only an importance matrix makes",
            result(TensorOp.CPY, IQ1_S, 256),
            data(F32, 256)),
        refused(
            UNSUPPORTED_OP,
            "a type that cannot be read",
            result(TensorOp.CPY, F32, 32),
            data(Q8_1, 32),
            data(F32, 32)),
        refused(
            BAD_GRAPH, "blocks without a layout", result(TensorOp.CPY, F32, 32), data(Q4_0, 32)),
        refused(
            BAD_SHAPE,
            "blocks into a layout of other strides",
            result(TensorOp.CPY, F32, 32, 2),
            data(Q4_0, 32, 2),
            data(F32, 32, 2).strides(4, 4096, 8192, 8192)),
        refused(
            BAD_SHAPE,
            "rows longer than the planned scratch row",
            result(TensorOp.CPY, Q4_0, 32, 32),
            data(F32, 1024),
            data(Q4_0, 32, 32)),
        refused(
            UNSUPPORTED_OP,
            "blocks with gaps into another shape",
            result(TensorOp.CONT, Q4_0, 32, 8),
            data(Q4_0, 64, 4).strides(18, 72, 288, 288)),
        accepted(
            "along dimension 1",
            result(TensorOp.CONCAT, F32, 4, 5).param(0, 1),
            data(F32, 4, 2),
            data(F32, 4, 3)),
        refused(
            BAD_FIELD,
            "along dimension 4",
            result(TensorOp.CONCAT, F32, 4, 5).param(0, 4),
            data(F32, 4, 2),
            data(F32, 4, 3)),
        refused(
            BAD_SHAPE,
            "a sum that is too large",
            result(TensorOp.CONCAT, F32, 4, 6).param(0, 1),
            data(F32, 4, 2),
            data(F32, 4, 3)),
        refused(
            UNSUPPORTED_OP,
            "two types",
            result(TensorOp.CONCAT, F32, 8),
            data(F32, 4),
            data(I32, 4)),
        accepted("whole times", result(TensorOp.REPEAT, F32, 8, 6), data(F32, 4, 3)),
        refused(BAD_SHAPE, "a part of it", result(TensorOp.REPEAT, F32, 8, 5), data(F32, 4, 3)),
        refused(UNSUPPORTED_OP, "I64", result(TensorOp.REPEAT, I64, 8), data(I64, 4)),
        accepted("whole times", result(TensorOp.REPEAT_BACK, F32, 4, 3), data(F32, 8, 6)),
        refused(
            BAD_SHAPE, "a part of it", result(TensorOp.REPEAT_BACK, F32, 4, 3), data(F32, 8, 5)));
  }
}
