// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.worker.check.Case.accepted;
import static dev.knarr.worker.check.Case.refused;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.result;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.stream.Stream;

/** Pooling, resizing, padding, masks and numbers out of parameters. */
final class ImageCases {
  private ImageCases() {}

  static Stream<Case> all() {
    return Stream.of(
        accepted(
            "windows of 2",
            result(TensorOp.POOL_1D, F32, 4, 3).params(0, 2, 2, 0),
            data(F32, 8, 3)),
        refused(
            BAD_FIELD,
            "kind 2",
            result(TensorOp.POOL_1D, F32, 4, 3).params(2, 2, 2, 0),
            data(F32, 8, 3)),
        refused(
            BAD_FIELD,
            "an endless window",
            result(TensorOp.POOL_1D, F32, 4, 3).params(0, 2147483647, 2, 0),
            data(F32, 8, 3)),
        refused(
            BAD_SHAPE,
            "too few rows",
            result(TensorOp.POOL_1D, F32, 4, 2).params(0, 2, 2, 0),
            data(F32, 8, 3)),
        accepted(
            "windows of 2 by 2",
            result(TensorOp.POOL_2D, F32, 4, 4, 3).params(1, 2, 2, 2, 2, 0, 0),
            data(F32, 8, 8, 3)),
        refused(
            BAD_SHAPE,
            "too few planes",
            result(TensorOp.POOL_2D, F32, 4, 4, 2).params(1, 2, 2, 2, 2, 0, 0),
            data(F32, 8, 8, 3)),
        refused(
            BAD_SHAPE,
            "one plane that its stride makes many",
            result(TensorOp.POOL_2D, F32, 4, 4).params(1, 2, 2, 2, 2, 0, 0),
            data(F32, 8, 8).strides(4, 32, 4, 256)),
        accepted(
            "windows of 2 by 2",
            result(TensorOp.POOL_2D_BACK, F32, 8, 8, 3).params(1, 2, 2, 2, 2, 0, 0),
            data(F32, 4, 4, 3),
            data(F32, 8, 8, 3)),
        refused(
            UNSUPPORTED_OP,
            "an F16 image of an F32 gradient",
            result(TensorOp.POOL_2D_BACK, F32, 8, 8, 3).params(1, 2, 2, 2, 2, 0, 0),
            data(F32, 4, 4, 3),
            data(F16, 8, 8, 3)),
        accepted("bilinear", result(TensorOp.UPSCALE, F32, 16, 16).param(0, 1), data(F32, 8, 8)),
        refused(
            BAD_FIELD,
            "mode 3",
            result(TensorOp.UPSCALE, F32, 16, 16).param(0, 3),
            data(F32, 8, 8)),
        refused(
            BAD_SHAPE,
            "beyond what a float can divide",
            result(TensorOp.UPSCALE, F32, 1048577),
            data(F32, 8)),
        refused(BAD_SHAPE, "of nothing", result(TensorOp.UPSCALE, F32, 16), data(F32, 0)),
        accepted("one each side", result(TensorOp.PAD, F32, 10, 8).params(1, 1), data(F32, 8, 8)),
        refused(
            BAD_SHAPE,
            "more than it says",
            result(TensorOp.PAD, F32, 11, 8).params(1, 1),
            data(F32, 8, 8)),
        refused(
            BAD_FIELD,
            "less than nothing",
            result(TensorOp.PAD, F32, 7, 8).params(-1, 0),
            data(F32, 8, 8)),
        refused(
            BAD_FIELD,
            "around more than once",
            result(TensorOp.PAD, F32, 17).params(9, 0).param(8, 1),
            data(F32, 8)),
        accepted(
            "mirrored ends", result(TensorOp.PAD_REFLECT_1D, F32, 12).params(2, 2), data(F32, 8)),
        refused(
            BAD_FIELD,
            "more than there is to mirror",
            result(TensorOp.PAD_REFLECT_1D, F32, 18).params(8, 2),
            data(F32, 8)),
        accepted("by 3 and -2", result(TensorOp.ROLL, F32, 8, 4).params(3, -2), data(F32, 8, 4)),
        refused(
            BAD_FIELD,
            "by a whole row",
            result(TensorOp.ROLL, F32, 8, 4).params(8),
            data(F32, 8, 4)),
        refused(
            BAD_FIELD,
            "by the smallest number",
            result(TensorOp.ROLL, F32, 8, 4).params(Integer.MIN_VALUE),
            data(F32, 8, 4)),
        accepted("0 to 5", result(TensorOp.ARANGE, F32, 5).param(0, 0f).param(1, 5f).param(2, 1f)),
        refused(
            BAD_SHAPE,
            "more than the result has",
            result(TensorOp.ARANGE, F32, 5).param(0, 0f).param(1, 6f).param(2, 1f)),
        refused(
            BAD_SHAPE,
            "by steps of 0",
            result(TensorOp.ARANGE, F32, 5).param(0, 0f).param(1, 5f).param(2, 0f)),
        accepted(
            "of 6", result(TensorOp.TIMESTEP_EMBEDDING, F32, 6, 3).params(6, 1000), data(F32, 3)),
        refused(
            BAD_SHAPE,
            "of more than a row",
            result(TensorOp.TIMESTEP_EMBEDDING, F32, 6, 3).params(8, 1000),
            data(F32, 3)),
        accepted("lower", result(TensorOp.TRI, F32, 4, 4).params(3), data(F32, 4, 4)),
        refused(BAD_FIELD, "kind 4", result(TensorOp.TRI, F32, 4, 4).params(4), data(F32, 4, 4)),
        refused(BAD_SHAPE, "no square", result(TensorOp.TRI, F32, 4, 3), data(F32, 4, 3)),
        accepted("a row", result(TensorOp.DIAG, F32, 4, 4), data(F32, 4)),
        refused(BAD_SHAPE, "no square", result(TensorOp.DIAG, F32, 4, 3), data(F32, 4)),
        accepted("a matrix", result(TensorOp.DIAG_MASK_INF, F32, 4, 4).params(1), data(F32, 4, 4)),
        refused(
            BAD_FIELD,
            "a negative past",
            result(TensorOp.DIAG_MASK_INF, F32, 4, 4).params(-1),
            data(F32, 4, 4)),
        refused(
            BAD_SHAPE, "another shape", result(TensorOp.DIAG_MASK_INF, F32, 4, 4), data(F32, 4, 5)),
        accepted("a matrix", result(TensorOp.DIAG_MASK_ZERO, F32, 4, 4).params(1), data(F32, 4, 4)),
        refused(
            BAD_FIELD,
            "a negative past",
            result(TensorOp.DIAG_MASK_ZERO, F32, 4, 4).params(-1),
            data(F32, 4, 4)),
        refused(
            BAD_SHAPE,
            "another shape",
            result(TensorOp.DIAG_MASK_ZERO, F32, 4, 4),
            data(F32, 4, 5)));
  }
}
