// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.BUDGET_EXCEEDED;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.BF16;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.worker.check.Case.accepted;
import static dev.knarr.worker.check.Case.refused;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.result;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.stream.Stream;

/** Convolutions. */
final class ConvolutionCases {
  private ConvolutionCases() {}

  static Stream<Case> all() {
    return Stream.of(
        accepted(
            "2-D",
            result(TensorOp.IM2COL, F16, 27, 6, 6, 2).params(1, 1, 0, 0, 1, 1, 1),
            data(F16, 3, 3, 3, 4),
            data(F32, 8, 8, 3, 2)),
        refused(
            BAD_SHAPE,
            "another patch",
            result(TensorOp.IM2COL, F16, 26, 6, 6, 2).params(1, 1, 0, 0, 1, 1, 1),
            data(F16, 3, 3, 3, 4),
            data(F32, 8, 8, 3, 2)),
        refused(
            OUT_OF_RANGE,
            "rows with gaps",
            result(TensorOp.IM2COL, F32, 27, 6, 6, 2).params(1, 1, 0, 0, 1, 1, 1),
            data(F16, 3, 3, 3, 4),
            data(F32, 8, 8, 3, 2).strides(4, 4, 256, 768)),
        refused(
            BAD_SHAPE,
            "an image without planes",
            result(TensorOp.IM2COL, F32, 9, 6).params(1, 0, 0, 0, 1, 0, 0),
            data(F32, 3, 3),
            data(F32, 8, 3, 1, 0)),
        refused(
            BAD_FIELD,
            "2-D by 2",
            result(TensorOp.IM2COL, F16, 27, 6, 6, 2).params(1, 1, 0, 0, 1, 1, 2),
            data(F16, 3, 3, 3, 4),
            data(F32, 8, 8, 3, 2)),
        accepted(
            "2-D",
            result(TensorOp.IM2COL_BACK, F32, 8, 8, 3, 2).params(1, 1, 0, 0, 1, 1, 1),
            data(F32, 27, 6, 6, 2),
            data(F32, 3, 3, 3, 4)),
        refused(
            BAD_FIELD,
            "a stride of 0",
            result(TensorOp.IM2COL_BACK, F32, 8, 8, 3, 2).params(0, 1, 0, 0, 1, 1, 1),
            data(F32, 27, 6, 6, 2),
            data(F32, 3, 3, 3, 4)),
        refused(
            BAD_SHAPE,
            "another patch",
            result(TensorOp.IM2COL_BACK, F32, 8, 8, 3, 2).params(1, 1, 0, 0, 1, 1, 1),
            data(F32, 28, 6, 6, 2),
            data(F32, 3, 3, 3, 4)),
        accepted(
            "3 channels",
            result(TensorOp.IM2COL_3D, F32, 24, 3, 3, 3).params(1, 1, 1, 0, 0, 0, 1, 1, 1, 3),
            data(F32, 2, 2, 2, 3),
            data(F32, 4, 4, 4, 3)),
        refused(
            BAD_FIELD,
            "no channels",
            result(TensorOp.IM2COL_3D, F32, 24, 3, 3, 3).params(1, 1, 1, 0, 0, 0, 1, 1, 1, 0),
            data(F32, 2, 2, 2, 3),
            data(F32, 4, 4, 4, 3)),
        refused(
            BAD_SHAPE,
            "more channels than planes",
            result(TensorOp.IM2COL_3D, F32, 32, 3, 3, 3).params(1, 1, 1, 0, 0, 0, 1, 1, 1, 4),
            data(F32, 2, 2, 2, 4),
            data(F32, 4, 4, 4, 3)),
        accepted(
            "two channels", result(TensorOp.COL2IM_1D, F32, 9, 2).params(2, 2, 0), data(F32, 6, 4)),
        refused(
            BAD_FIELD,
            "a stride of 0",
            result(TensorOp.COL2IM_1D, F32, 9, 2).params(0, 2, 0),
            data(F32, 6, 4)),
        refused(
            BAD_SHAPE,
            "more channels",
            result(TensorOp.COL2IM_1D, F32, 9, 2).params(2, 3, 0),
            data(F32, 6, 4)),
        accepted(
            "an image",
            result(TensorOp.CONV_2D, F32, 6, 6, 4, 2).params(1, 1, 0, 0, 1, 1),
            data(F16, 3, 3, 3, 4),
            data(F32, 8, 8, 3, 2)),
        refused(
            BAD_SHAPE,
            "other channels",
            result(TensorOp.CONV_2D, F32, 6, 6, 4, 2).params(1, 1, 0, 0, 1, 1),
            data(F16, 3, 3, 2, 4),
            data(F32, 8, 8, 3, 2)),
        refused(
            BUDGET_EXCEEDED,
            "a patch over 16 MiB",
            result(TensorOp.CONV_2D, F32, 6, 6, 1, 1).params(1, 1, 0, 0, 1, 1),
            data(F32, 4096, 2048, 1, 1),
            data(F32, 8, 8, 1, 1)),
        refused(
            UNSUPPORTED_OP,
            "an F16 image",
            result(TensorOp.CONV_2D, F32, 6, 6, 4, 2),
            data(F16, 3, 3, 3, 4),
            data(F16, 8, 8, 3, 2)),
        accepted(
            "a volume",
            result(TensorOp.CONV_3D, F32, 3, 3, 3, 4).params(1, 1, 1, 0, 0, 0, 1, 1, 1, 3, 1, 4),
            data(F32, 2, 2, 2, 12),
            data(F32, 4, 4, 4, 3)),
        refused(
            BAD_SHAPE,
            "another count of channels",
            result(TensorOp.CONV_3D, F32, 3, 3, 3, 4).params(1, 1, 1, 0, 0, 0, 1, 1, 1, 2, 1, 4),
            data(F32, 2, 2, 2, 12),
            data(F32, 4, 4, 4, 3)),
        refused(
            BAD_FIELD,
            "no channels",
            result(TensorOp.CONV_3D, F32, 3, 3, 3, 4).params(1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 1, 4),
            data(F32, 2, 2, 2, 12),
            data(F32, 4, 4, 4, 3)),
        accepted(
            "planes",
            result(TensorOp.CONV_2D_DW, F32, 6, 6, 3, 2).params(1, 1, 0, 0, 1, 1),
            data(F32, 3, 3, 1, 3),
            data(F32, 8, 8, 3, 2)),
        refused(
            BAD_SHAPE,
            "other channels",
            result(TensorOp.CONV_2D_DW, F32, 6, 6, 3, 2).params(1, 1, 0, 0, 1, 1),
            data(F32, 3, 3, 1, 4),
            data(F32, 8, 8, 3, 2)),
        refused(
            BAD_SHAPE,
            "neither planes nor channels side by side",
            result(TensorOp.CONV_2D_DW, F32, 6, 6, 3, 2).params(1, 1, 0, 0, 1, 1),
            data(F32, 3, 3, 1, 3),
            data(F32, 8, 8, 3, 2).strides(4, 32, 512, 1536)),
        accepted(
            "a signal",
            result(TensorOp.CONV_TRANSPOSE_1D, F32, 9, 4).params(2, 0, 1),
            data(F32, 3, 4, 5),
            data(F32, 4, 5)),
        refused(
            BAD_FIELD,
            "a stride of 0",
            result(TensorOp.CONV_TRANSPOSE_1D, F32, 9, 4).params(0, 0, 1),
            data(F32, 3, 4, 5),
            data(F32, 4, 5)),
        refused(
            BAD_SHAPE,
            "too short a result",
            result(TensorOp.CONV_TRANSPOSE_1D, F32, 8, 4).params(2, 0, 1),
            data(F32, 3, 4, 5),
            data(F32, 4, 5)),
        refused(
            UNSUPPORTED_OP,
            "a BF16 kernel",
            result(TensorOp.CONV_TRANSPOSE_1D, F32, 9, 4).params(2, 0, 1),
            data(BF16, 3, 4, 5),
            data(F32, 4, 5)),
        accepted(
            "an image",
            result(TensorOp.CONV_TRANSPOSE_2D, F32, 9, 9, 4, 1).param(0, 2),
            data(F16, 3, 3, 4, 5),
            data(F32, 4, 4, 5)),
        refused(
            BAD_SHAPE,
            "too small a result",
            result(TensorOp.CONV_TRANSPOSE_2D, F32, 9, 8, 4, 1).param(0, 2),
            data(F16, 3, 3, 4, 5),
            data(F32, 4, 4, 5)),
        refused(
            BAD_FIELD,
            "a stride of -1",
            result(TensorOp.CONV_TRANSPOSE_2D, F32, 9, 9, 4, 1).param(0, -1),
            data(F16, 3, 3, 4, 5),
            data(F32, 4, 4, 5)));
  }
}
