// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.BF16;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.rpc.tensor.TensorType.IQ1_S;
import static dev.knarr.rpc.tensor.TensorType.Q4_0;
import static dev.knarr.worker.check.Case.accepted;
import static dev.knarr.worker.check.Case.refused;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.result;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.stream.Stream;

/** One element, or two in the same place, to make one. */
final class ElementwiseCases {
  private ElementwiseCases() {}

  static Stream<Case> all() {
    return Stream.of(
        accepted(
            "operand 1 repeated", result(TensorOp.ADD, F32, 4, 6), data(F32, 4, 6), data(F32, 4)),
        accepted("F16 with F32", result(TensorOp.ADD, F16, 4), data(F16, 4), data(F32, 4)),
        refused(
            BAD_SHAPE,
            "rows that do not repeat",
            result(TensorOp.ADD, F32, 4, 6),
            data(F32, 4, 6),
            data(F32, 3)),
        refused(BAD_GRAPH, "without operand 1", result(TensorOp.ADD, F32, 4), data(F32, 4)),
        refused(
            UNSUPPORTED_OP,
            "F32 with F16",
            result(TensorOp.ADD, F32, 4),
            data(F32, 4),
            data(F16, 4)),
        accepted(
            "operand 1 repeated", result(TensorOp.SUB, F32, 4, 6), data(F32, 4, 6), data(F32, 4)),
        accepted("F16 with F32", result(TensorOp.SUB, F16, 4), data(F16, 4), data(F32, 4)),
        refused(
            BAD_SHAPE,
            "rows that do not repeat",
            result(TensorOp.SUB, F32, 4, 6),
            data(F32, 4, 6),
            data(F32, 3)),
        refused(BAD_GRAPH, "without operand 1", result(TensorOp.SUB, F32, 4), data(F32, 4)),
        refused(
            UNSUPPORTED_OP,
            "F32 with F16",
            result(TensorOp.SUB, F32, 4),
            data(F32, 4),
            data(F16, 4)),
        accepted(
            "operand 1 repeated", result(TensorOp.MUL, F32, 4, 6), data(F32, 4, 6), data(F32, 4)),
        accepted("F16 with F32", result(TensorOp.MUL, F16, 4), data(F16, 4), data(F32, 4)),
        refused(
            BAD_SHAPE,
            "rows that do not repeat",
            result(TensorOp.MUL, F32, 4, 6),
            data(F32, 4, 6),
            data(F32, 3)),
        refused(BAD_GRAPH, "without operand 1", result(TensorOp.MUL, F32, 4), data(F32, 4)),
        refused(
            UNSUPPORTED_OP,
            "F32 with F16",
            result(TensorOp.MUL, F32, 4),
            data(F32, 4),
            data(F16, 4)),
        accepted(
            "operand 1 repeated", result(TensorOp.DIV, F32, 4, 6), data(F32, 4, 6), data(F32, 4)),
        accepted("F16 with F32", result(TensorOp.DIV, F16, 4), data(F16, 4), data(F32, 4)),
        refused(
            BAD_SHAPE,
            "rows that do not repeat",
            result(TensorOp.DIV, F32, 4, 6),
            data(F32, 4, 6),
            data(F32, 3)),
        refused(BAD_GRAPH, "without operand 1", result(TensorOp.DIV, F32, 4), data(F32, 4)),
        refused(
            UNSUPPORTED_OP,
            "F32 with F16",
            result(TensorOp.DIV, F32, 4),
            data(F32, 4),
            data(F16, 4)),
        accepted("to blocks", result(TensorOp.ADD, F32, 32), data(Q4_0, 32), data(F32, 32)),
        refused(
            UNSUPPORTED_OP,
            "blocks that cannot be made again",
            result(TensorOp.ADD, IQ1_S, 256),
            data(IQ1_S, 256),
            data(F32, 256)),
        refused(
            BAD_SHAPE,
            "a repeated row to blocks",
            result(TensorOp.ADD, F32, 32, 2),
            data(Q4_0, 32, 2),
            data(F32, 32)),
        accepted("one number", result(TensorOp.ADD1, F32, 4), data(F32, 4), data(F32, 1)),
        refused(
            BAD_SHAPE, "two numbers", result(TensorOp.ADD1, F32, 4), data(F32, 4), data(F32, 2)),
        refused(
            UNSUPPORTED_OP,
            "an F16 to F32",
            result(TensorOp.ADD1, F32, 4),
            data(F32, 4),
            data(F16, 1)),
        accepted("F16 rows", result(TensorOp.SQR, F16, 4, 3), data(F16, 4, 3)),
        refused(UNSUPPORTED_OP, "I32", result(TensorOp.SQR, I32, 4), data(I32, 4)),
        refused(BAD_SHAPE, "another shape", result(TensorOp.SQR, F32, 4), data(F32, 5)),
        refused(
            BAD_SHAPE,
            "rows with gaps between elements",
            result(TensorOp.SQR, F32, 4),
            data(F32, 4).strides(8, 32, 32, 32)),
        accepted("F16 rows", result(TensorOp.SQRT, F16, 4, 3), data(F16, 4, 3)),
        refused(UNSUPPORTED_OP, "I32", result(TensorOp.SQRT, I32, 4), data(I32, 4)),
        refused(BAD_SHAPE, "another shape", result(TensorOp.SQRT, F32, 4), data(F32, 5)),
        refused(
            BAD_SHAPE,
            "rows with gaps between elements",
            result(TensorOp.SQRT, F32, 4),
            data(F32, 4).strides(8, 32, 32, 32)),
        accepted("F16 rows", result(TensorOp.LOG, F16, 4, 3), data(F16, 4, 3)),
        refused(UNSUPPORTED_OP, "I32", result(TensorOp.LOG, I32, 4), data(I32, 4)),
        refused(BAD_SHAPE, "another shape", result(TensorOp.LOG, F32, 4), data(F32, 5)),
        refused(
            BAD_SHAPE,
            "rows with gaps between elements",
            result(TensorOp.LOG, F32, 4),
            data(F32, 4).strides(8, 32, 32, 32)),
        accepted("F16 rows", result(TensorOp.SIN, F16, 4, 3), data(F16, 4, 3)),
        refused(UNSUPPORTED_OP, "I32", result(TensorOp.SIN, I32, 4), data(I32, 4)),
        refused(BAD_SHAPE, "another shape", result(TensorOp.SIN, F32, 4), data(F32, 5)),
        refused(
            BAD_SHAPE,
            "rows with gaps between elements",
            result(TensorOp.SIN, F32, 4),
            data(F32, 4).strides(8, 32, 32, 32)),
        accepted("F16 rows", result(TensorOp.COS, F16, 4, 3), data(F16, 4, 3)),
        refused(UNSUPPORTED_OP, "I32", result(TensorOp.COS, I32, 4), data(I32, 4)),
        refused(BAD_SHAPE, "another shape", result(TensorOp.COS, F32, 4), data(F32, 5)),
        refused(
            BAD_SHAPE,
            "rows with gaps between elements",
            result(TensorOp.COS, F32, 4),
            data(F32, 4).strides(8, 32, 32, 32)),
        accepted("SILU", result(TensorOp.UNARY, F32, 4).param(0, 10), data(F32, 4)),
        refused(
            BAD_FIELD, "function 22", result(TensorOp.UNARY, F32, 4).param(0, 22), data(F32, 4)),
        refused(
            BAD_FIELD, "function -1", result(TensorOp.UNARY, F32, 4).param(0, -1), data(F32, 4)),
        refused(
            BAD_SHAPE,
            "XIELU of rows at uneven distances",
            result(TensorOp.UNARY, F32, 4, 2, 2).param(0, 17),
            data(F32, 4, 2, 2).strides(4, 16, 64, 128)),
        refused(
            UNSUPPORTED_OP,
            "F16 as F32",
            result(TensorOp.UNARY, F32, 4).param(0, 10),
            data(F16, 4)),
        accepted("two halves", result(TensorOp.GLU, F32, 4, 2).param(0, 2), data(F32, 8, 2)),
        accepted(
            "two operands",
            result(TensorOp.GLU, F32, 4, 2).param(0, 2),
            data(F32, 4, 2),
            data(F32, 4, 2)),
        refused(
            BAD_SHAPE,
            "halves of the wrong length",
            result(TensorOp.GLU, F32, 8, 2).param(0, 2),
            data(F32, 8, 2)),
        refused(BAD_FIELD, "function 7", result(TensorOp.GLU, F32, 4).param(0, 7), data(F32, 8)),
        refused(
            UNSUPPORTED_OP,
            "BF16 with a limit",
            result(TensorOp.GLU, BF16, 4).param(0, 3),
            data(BF16, 8)),
        refused(
            BAD_SHAPE,
            "operands of two shapes",
            result(TensorOp.GLU, F32, 4, 2),
            data(F32, 4, 2),
            data(F32, 4, 1)),
        accepted("a matrix", result(TensorOp.SCALE, F32, 4, 3), data(F32, 4, 3)),
        refused(UNSUPPORTED_OP, "F16", result(TensorOp.SCALE, F16, 4), data(F16, 4)),
        refused(
            BAD_SHAPE,
            "rows with gaps",
            result(TensorOp.SCALE, F32, 4, 3),
            data(F32, 4, 3).strides(4, 32, 96, 96)),
        refused(
            OUT_OF_RANGE,
            "one row with a huge stride in each plane",
            result(TensorOp.SCALE, F32, 4, 1, 3),
            data(F32, 4, 1, 3).strides(4, 1048576, 16, 48)),
        accepted("rows", result(TensorOp.CLAMP, F16, 4, 3), data(F16, 4, 3)),
        refused(
            OUT_OF_RANGE,
            "one row with a huge stride in each plane",
            result(TensorOp.CLAMP, F32, 4, 1, 3),
            data(F32, 4, 1, 3).strides(4, 1048576, 16, 48)),
        refused(UNSUPPORTED_OP, "BF16", result(TensorOp.CLAMP, BF16, 4), data(BF16, 4)),
        accepted("rows", result(TensorOp.LEAKY_RELU, F32, 4, 3), data(F32, 4, 3)),
        refused(UNSUPPORTED_OP, "F16 as F32", result(TensorOp.LEAKY_RELU, F32, 4), data(F16, 4)),
        refused(BAD_SHAPE, "another shape", result(TensorOp.LEAKY_RELU, F32, 4), data(F32, 5)),
        accepted("rows", result(TensorOp.SILU_BACK, F32, 4, 3), data(F32, 4, 3), data(F32, 4, 3)),
        refused(
            BAD_SHAPE,
            "another shape",
            result(TensorOp.SILU_BACK, F32, 4, 3),
            data(F32, 4, 3),
            data(F32, 4, 2)),
        accepted("F16", result(TensorOp.FILL, F16, 4, 3), data(F16, 4, 3)),
        refused(UNSUPPORTED_OP, "F32 over F16", result(TensorOp.FILL, F16, 4), data(F32, 4)),
        refused(BAD_SHAPE, "another shape", result(TensorOp.FILL, F32, 4, 3), data(F32, 4, 2)),
        accepted(
            "four states",
            result(TensorOp.OPT_STEP_ADAMW, F32, 4),
            data(F32, 4),
            data(F32, 4),
            data(F32, 4),
            data(F32, 4),
            data(F32, 7)),
        refused(
            BAD_SHAPE,
            "six settings",
            result(TensorOp.OPT_STEP_ADAMW, F32, 4),
            data(F32, 4),
            data(F32, 4),
            data(F32, 4),
            data(F32, 4),
            data(F32, 6)),
        accepted(
            "a gradient",
            result(TensorOp.OPT_STEP_SGD, F32, 4),
            data(F32, 4),
            data(F32, 4),
            data(F32, 2)),
        refused(
            OUT_OF_RANGE,
            "a gradient with shorter strides",
            result(TensorOp.OPT_STEP_SGD, F32, 4, 2),
            data(F32, 4, 2).strides(4, 4096, 8192, 8192),
            data(F32, 4, 2),
            data(F32, 2)));
  }
}
