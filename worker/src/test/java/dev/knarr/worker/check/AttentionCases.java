// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.rpc.tensor.TensorType.Q8_0;
import static dev.knarr.worker.check.Case.accepted;
import static dev.knarr.worker.check.Case.refused;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.missing;
import static dev.knarr.worker.check.Draft.result;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.stream.Stream;

/** Attention and what prepares it. */
final class AttentionCases {
  private AttentionCases() {}

  static Stream<Case> all() {
    return Stream.of(
        accepted(
            "neox",
            result(TensorOp.ROPE, F32, 64, 8, 5).params(0, 64, 2, 0, 4096),
            data(F32, 64, 8, 5),
            data(I32, 5)),
        accepted(
            "four positions per token",
            result(TensorOp.ROPE, F16, 64, 8, 5)
                .params(0, 64, 8, 0, 4096)
                .param(11, 16)
                .param(12, 8),
            data(F16, 64, 8, 5),
            data(I32, 20)),
        refused(
            BAD_SHAPE,
            "too few positions",
            result(TensorOp.ROPE, F32, 64, 8, 5).params(0, 64, 0, 0, 4096),
            data(F32, 64, 8, 5),
            data(I32, 4)),
        refused(
            BAD_FIELD,
            "mode 1",
            result(TensorOp.ROPE, F32, 64, 8, 5).params(0, 64, 1, 0, 4096),
            data(F32, 64, 8, 5),
            data(I32, 5)),
        refused(
            BAD_FIELD,
            "no pairs, which never ends",
            result(TensorOp.ROPE, F32, 64, 8, 5).params(0, 64, 0, 0, 4096).param(1, 0),
            data(F32, 64, 8, 5),
            data(I32, 5)),
        refused(
            BAD_SHAPE,
            "rows of odd length",
            result(TensorOp.ROPE, F32, 65, 8, 5).params(0, 64, 0, 0, 4096),
            data(F32, 65, 8, 5),
            data(I32, 5)),
        refused(
            BAD_FIELD,
            "more than a row",
            result(TensorOp.ROPE, F32, 64, 8, 5).params(0, 64, 0, 0, 4096).param(1, 66),
            data(F32, 64, 8, 5),
            data(I32, 5)),
        refused(
            BAD_FIELD,
            "sections of nothing",
            result(TensorOp.ROPE, F32, 64, 8, 5).params(0, 64, 8, 0, 4096),
            data(F32, 64, 8, 5),
            data(I32, 20)),
        refused(
            BAD_SHAPE,
            "too few factors",
            result(TensorOp.ROPE, F32, 64, 8, 5).params(0, 64, 0, 0, 4096),
            data(F32, 64, 8, 5),
            data(I32, 5),
            data(F32, 31)),
        refused(
            BAD_FIELD,
            "an offset behind the row",
            result(TensorOp.ROPE, F32, 64, 8, 5).params(0, 64, 0, 0, 4096).param(15, 2),
            data(F32, 64, 8, 5),
            data(I32, 5)),
        refused(
            BAD_SHAPE,
            "n_dims of a vision model that are not half a row",
            result(TensorOp.ROPE, F32, 64, 8, 5).params(0, 64, 24, 0, 4096).param(11, 16),
            data(F32, 64, 8, 5),
            data(I32, 20)),
        accepted(
            "neox",
            result(TensorOp.ROPE_BACK, F32, 64, 8, 5).params(0, 64, 2, 0, 4096),
            data(F32, 64, 8, 5),
            data(I32, 5)),
        accepted(
            "four positions per token",
            result(TensorOp.ROPE_BACK, F16, 64, 8, 5)
                .params(0, 64, 8, 0, 4096)
                .param(11, 16)
                .param(12, 8),
            data(F16, 64, 8, 5),
            data(I32, 20)),
        refused(
            BAD_SHAPE,
            "too few positions",
            result(TensorOp.ROPE_BACK, F32, 64, 8, 5).params(0, 64, 0, 0, 4096),
            data(F32, 64, 8, 5),
            data(I32, 4)),
        refused(
            BAD_FIELD,
            "mode 1",
            result(TensorOp.ROPE_BACK, F32, 64, 8, 5).params(0, 64, 1, 0, 4096),
            data(F32, 64, 8, 5),
            data(I32, 5)),
        refused(
            BAD_FIELD,
            "no pairs, which never ends",
            result(TensorOp.ROPE_BACK, F32, 64, 8, 5).params(0, 64, 0, 0, 4096).param(1, 0),
            data(F32, 64, 8, 5),
            data(I32, 5)),
        refused(
            BAD_SHAPE,
            "rows of odd length",
            result(TensorOp.ROPE_BACK, F32, 65, 8, 5).params(0, 64, 0, 0, 4096),
            data(F32, 65, 8, 5),
            data(I32, 5)),
        refused(
            BAD_FIELD,
            "more than a row",
            result(TensorOp.ROPE_BACK, F32, 64, 8, 5).params(0, 64, 0, 0, 4096).param(1, 66),
            data(F32, 64, 8, 5),
            data(I32, 5)),
        refused(
            BAD_FIELD,
            "sections of nothing",
            result(TensorOp.ROPE_BACK, F32, 64, 8, 5).params(0, 64, 8, 0, 4096),
            data(F32, 64, 8, 5),
            data(I32, 20)),
        refused(
            BAD_SHAPE,
            "too few factors",
            result(TensorOp.ROPE_BACK, F32, 64, 8, 5).params(0, 64, 0, 0, 4096),
            data(F32, 64, 8, 5),
            data(I32, 5),
            data(F32, 31)),
        refused(
            BAD_FIELD,
            "an offset behind the row",
            result(TensorOp.ROPE_BACK, F32, 64, 8, 5).params(0, 64, 0, 0, 4096).param(15, 2),
            data(F32, 64, 8, 5),
            data(I32, 5)),
        refused(
            BAD_SHAPE,
            "n_dims of a vision model that are not half a row",
            result(TensorOp.ROPE_BACK, F32, 64, 8, 5).params(0, 64, 24, 0, 4096).param(11, 16),
            data(F32, 64, 8, 5),
            data(I32, 20)),
        accepted(
            "four query heads for each of the cache",
            result(TensorOp.FLASH_ATTN_EXT, F32, 64, 8, 5),
            data(F32, 64, 5, 8),
            data(F16, 64, 256, 2),
            data(F16, 64, 256, 2),
            data(F16, 256, 5)),
        refused(
            BAD_SHAPE,
            "fewer values than keys",
            result(TensorOp.FLASH_ATTN_EXT, F32, 64, 8, 5),
            data(F32, 64, 5, 8),
            data(F16, 64, 256, 2),
            data(F16, 64, 255, 2)),
        refused(
            BAD_SHAPE,
            "heads that do not share",
            result(TensorOp.FLASH_ATTN_EXT, F32, 64, 8, 5),
            data(F32, 64, 5, 8),
            data(F16, 64, 256, 3),
            data(F16, 64, 256, 2)),
        refused(
            BAD_SHAPE,
            "a mask for fewer positions",
            result(TensorOp.FLASH_ATTN_EXT, F32, 64, 8, 5),
            data(F32, 64, 5, 8),
            data(F16, 64, 256, 2),
            data(F16, 64, 256, 2),
            data(F16, 255, 5)),
        refused(
            BAD_SHAPE,
            "heads and tokens the wrong way round",
            result(TensorOp.FLASH_ATTN_EXT, F32, 64, 5, 8),
            data(F32, 64, 5, 8),
            data(F16, 64, 256, 2),
            data(F16, 64, 256, 2)),
        refused(
            BAD_FIELD,
            "precision 11",
            result(TensorOp.FLASH_ATTN_EXT, F32, 64, 8, 5).param(3, 11),
            data(F32, 64, 5, 8),
            data(F16, 64, 256, 2),
            data(F16, 64, 256, 2)),
        refused(
            UNSUPPORTED_OP,
            "F16 queries",
            result(TensorOp.FLASH_ATTN_EXT, F32, 64, 8, 5),
            data(F16, 64, 5, 8),
            data(F16, 64, 256, 2),
            data(F16, 64, 256, 2)),
        refused(
            BAD_SHAPE,
            "too few sinks",
            result(TensorOp.FLASH_ATTN_EXT, F32, 64, 8, 5),
            data(F32, 64, 5, 8),
            data(F16, 64, 256, 2),
            data(F16, 64, 256, 2),
            missing(),
            data(F32, 7)),
        refused(
            BAD_GRAPH,
            "without values",
            result(TensorOp.FLASH_ATTN_EXT, F32, 64, 8, 5),
            data(F32, 64, 5, 8),
            data(F16, 64, 256, 2)),
        refused(UNSUPPORTED_OP, "at all", result(TensorOp.FLASH_ATTN_BACK, F32, 64), data(F32, 64)),
        accepted(
            "two by two",
            result(TensorOp.WIN_PART, F32, 4, 7, 7, 4).params(2, 2, 7),
            data(F32, 4, 14, 14)),
        refused(
            BAD_SHAPE,
            "three by two",
            result(TensorOp.WIN_PART, F32, 4, 7, 7, 4).params(3, 2, 7),
            data(F32, 4, 14, 14)),
        refused(
            BAD_FIELD,
            "of size 0",
            result(TensorOp.WIN_PART, F32, 4, 7, 7, 4).params(2, 2, 0),
            data(F32, 4, 14, 14)),
        accepted(
            "two by two",
            result(TensorOp.WIN_UNPART, F32, 4, 14, 14).params(7),
            data(F32, 4, 7, 7, 4)),
        refused(
            BAD_SHAPE,
            "too few windows",
            result(TensorOp.WIN_UNPART, F32, 4, 14, 14).params(7),
            data(F32, 4, 7, 7, 3)),
        refused(
            BAD_FIELD,
            "of size 0",
            result(TensorOp.WIN_UNPART, F32, 4, 14, 14),
            data(F32, 4, 7, 7, 4)),
        accepted("of a square", result(TensorOp.GET_REL_POS, F16, 8, 4, 4), data(F16, 8, 7)),
        refused(BAD_SHAPE, "too few", result(TensorOp.GET_REL_POS, F16, 8, 4, 4), data(F16, 8, 6)),
        accepted(
            "of squares",
            result(TensorOp.ADD_REL_POS, F32, 16, 16, 2),
            data(F32, 16, 16, 2),
            data(F32, 4, 4, 4, 2),
            data(F32, 4, 4, 4, 2)),
        refused(
            BAD_SHAPE,
            "of another square",
            result(TensorOp.ADD_REL_POS, F32, 16, 16, 2),
            data(F32, 16, 16, 2),
            data(F32, 5, 4, 4, 2),
            data(F32, 5, 4, 4, 2)),
        accepted(
            "scores",
            result(TensorOp.LIGHTNING_INDEXER, F32, 256, 5),
            data(F32, 64, 8, 5),
            data(Q8_0, 64, 1, 256),
            data(F32, 8, 5),
            data(F16, 256, 5)),
        refused(
            BAD_SHAPE,
            "weights for fewer heads",
            result(TensorOp.LIGHTNING_INDEXER, F32, 256, 5),
            data(F32, 64, 8, 5),
            data(F16, 64, 1, 256),
            data(F32, 7, 5),
            data(F16, 256, 5)),
        refused(
            UNSUPPORTED_OP,
            "an F32 mask",
            result(TensorOp.LIGHTNING_INDEXER, F32, 256, 5),
            data(F32, 64, 8, 5),
            data(F16, 64, 1, 256),
            data(F32, 8, 5),
            data(F32, 256, 5)));
  }
}
