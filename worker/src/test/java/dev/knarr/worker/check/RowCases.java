// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.rpc.tensor.TensorType.I64;
import static dev.knarr.rpc.tensor.TensorType.IQ1_S;
import static dev.knarr.rpc.tensor.TensorType.Q4_0;
import static dev.knarr.rpc.tensor.TensorType.Q8_0;
import static dev.knarr.rpc.tensor.TensorType.Q8_1;
import static dev.knarr.worker.check.Case.accepted;
import static dev.knarr.worker.check.Case.refused;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.result;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.stream.Stream;

/** Rows by number and parts by offset. */
final class RowCases {
  private RowCases() {}

  static Stream<Case> all() {
    return Stream.of(
        accepted(
            "three of many",
            result(TensorOp.GET_ROWS, F32, 32, 3),
            data(Q4_0, 32, 100),
            data(I32, 3)),
        refused(
            BAD_SHAPE,
            "one table for two lists",
            result(TensorOp.GET_ROWS, F32, 4, 3, 2),
            data(F32, 4, 100),
            data(I32, 3, 2)),
        refused(
            BAD_SHAPE,
            "fewer results",
            result(TensorOp.GET_ROWS, F32, 4, 2),
            data(F32, 4, 100),
            data(I32, 3)),
        refused(
            UNSUPPORTED_OP,
            "I64 numbers",
            result(TensorOp.GET_ROWS, F32, 4, 3),
            data(F32, 4, 100),
            data(I64, 3)),
        refused(
            UNSUPPORTED_OP,
            "a table that cannot be read",
            result(TensorOp.GET_ROWS, F32, 32, 3),
            data(Q8_1, 32, 100),
            data(I32, 3)),
        refused(
            UNSUPPORTED_OP,
            "an F16 result",
            result(TensorOp.GET_ROWS, F16, 4, 3),
            data(F32, 4, 100),
            data(I32, 3)),
        accepted(
            "two gradients",
            result(TensorOp.GET_ROWS_BACK, F32, 4, 100),
            data(F32, 4, 2),
            data(I32, 2)),
        refused(
            BAD_SHAPE,
            "more numbers than gradients",
            result(TensorOp.GET_ROWS_BACK, F32, 4, 100),
            data(F32, 4, 2),
            data(I32, 3)),
        accepted(
            "into blocks",
            result(TensorOp.SET_ROWS, Q8_0, 32, 100),
            data(F32, 32, 3),
            data(I64, 3)),
        refused(
            BAD_SHAPE,
            "another row length",
            result(TensorOp.SET_ROWS, F32, 8, 100),
            data(F32, 4, 3),
            data(I64, 3)),
        refused(
            BAD_SHAPE,
            "fewer numbers",
            result(TensorOp.SET_ROWS, F32, 4, 100),
            data(F32, 4, 3),
            data(I64, 2)),
        refused(
            UNSUPPORTED_OP,
            "into blocks that only an importance matrix makes",
            result(TensorOp.SET_ROWS, IQ1_S, 256, 100),
            data(F32, 256, 3),
            data(I64, 3)),
        refused(
            BAD_SHAPE,
            "numbers shared by part of the planes",
            result(TensorOp.SET_ROWS, F32, 4, 100, 3),
            data(F32, 4, 3, 3),
            data(I64, 3, 2)),
        accepted(
            "two experts",
            result(TensorOp.ADD_ID, F32, 4, 2, 5),
            data(F32, 4, 2, 5),
            data(F32, 4, 8),
            data(I32, 2, 5)),
        refused(
            BAD_SHAPE,
            "another row length",
            result(TensorOp.ADD_ID, F32, 4, 2, 5),
            data(F32, 4, 2, 5),
            data(F32, 5, 8),
            data(I32, 2, 5)),
        refused(
            UNSUPPORTED_OP,
            "F32 choices",
            result(TensorOp.ADD_ID, F32, 4, 2, 5),
            data(F32, 4, 2, 5),
            data(F32, 4, 8),
            data(F32, 2, 5)),
        accepted(
            "a part",
            result(TensorOp.SET, F32, 8, 4).params(32, 128, 128, 16),
            data(F32, 8, 4),
            data(F32, 4, 2)),
        refused(
            BAD_FIELD,
            "a negative offset",
            result(TensorOp.SET, F32, 8, 4).params(32, 128, 128, -16),
            data(F32, 8, 4),
            data(F32, 4, 2)),
        refused(
            BAD_FIELD,
            "a negative stride",
            result(TensorOp.SET, F32, 8, 4).params(-32, 128, 128, 64),
            data(F32, 8, 4),
            data(F32, 4, 2)),
        refused(
            OUT_OF_RANGE,
            "behind the end",
            result(TensorOp.SET, F32, 8, 4).params(32, 128, 128, 112),
            data(F32, 8, 4),
            data(F32, 8, 1)),
        refused(
            BAD_FIELD,
            "between elements",
            result(TensorOp.SET, F32, 8, 4).params(32, 128, 128, 2),
            data(F32, 8, 4),
            data(F32, 4, 2)),
        refused(
            UNSUPPORTED_OP,
            "another type",
            result(TensorOp.SET, F32, 8, 4).params(32, 128, 128, 0),
            data(F32, 8, 4),
            data(F16, 4, 2)),
        accepted(
            "a part",
            result(TensorOp.ACC, F32, 8, 4).params(32, 128, 128, 16),
            data(F32, 8, 4),
            data(F32, 4, 2)),
        refused(
            BAD_FIELD,
            "a negative offset",
            result(TensorOp.ACC, F32, 8, 4).params(32, 128, 128, -16),
            data(F32, 8, 4),
            data(F32, 4, 2)),
        refused(
            BAD_FIELD,
            "a negative stride",
            result(TensorOp.ACC, F32, 8, 4).params(-32, 128, 128, 64),
            data(F32, 8, 4),
            data(F32, 4, 2)),
        refused(
            OUT_OF_RANGE,
            "behind the end",
            result(TensorOp.ACC, F32, 8, 4).params(32, 128, 128, 112),
            data(F32, 8, 4),
            data(F32, 8, 1)),
        refused(
            BAD_FIELD,
            "between elements",
            result(TensorOp.ACC, F32, 8, 4).params(32, 128, 128, 2),
            data(F32, 8, 4),
            data(F32, 4, 2)),
        refused(
            UNSUPPORTED_OP,
            "another type",
            result(TensorOp.ACC, F32, 8, 4).params(32, 128, 128, 0),
            data(F32, 8, 4),
            data(F16, 4, 2)));
  }
}
