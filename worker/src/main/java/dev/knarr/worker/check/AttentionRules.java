// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.BF16;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.worker.check.Types.READABLE;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.EnumSet;
import java.util.Map;

/** Attention, what prepares it, and the windows and relative positions of vision models. */
final class AttentionRules {
  /** Bits and values of {@code GGML_ROPE_TYPE_*}. */
  private static final int ROPE_MULTI = 8;

  private static final int ROPE_VISION = 24;

  /**
   * Bytes that ROPE may read behind its frequency factors: its cache covers the whole row, while
   * the factors need only cover the rotated part. A device buffer has at least this much memory
   * behind its last tensor.
   */
  static final long ROPE_OVERREAD_BYTES = 4096;

  private AttentionRules() {}

  static void fill(Map<TensorOp, Rule> rules) {
    rules.put(TensorOp.ROPE, AttentionRules::rope);
    rules.put(TensorOp.ROPE_BACK, AttentionRules::rope);
    rules.put(TensorOp.FLASH_ATTN_EXT, AttentionRules::flashAttention);
    rules.put(TensorOp.FLASH_ATTN_BACK, AttentionRules::flashAttentionBack);
    rules.put(TensorOp.WIN_PART, AttentionRules::windows);
    rules.put(TensorOp.WIN_UNPART, AttentionRules::joinWindows);
    rules.put(TensorOp.GET_REL_POS, AttentionRules::relativePositions);
    rules.put(TensorOp.ADD_REL_POS, AttentionRules::addRelativePositions);
    rules.put(TensorOp.LIGHTNING_INDEXER, AttentionRules::lightningIndexer);
  }

  /** {@code ggml_compute_forward_rope_flt}. */
  private static void rope(Operation op) {
    Operand source = op.source(0).type(EnumSet.of(F32, F16)).packed();
    Operand positions = op.source(1).type(I32).packedRows().dimensions(1);
    Operand result = op.result().typeOf(source).shapeOf(source).packed();
    int mode = op.param(2);
    switch (mode) {
      case 0, 2, ROPE_MULTI, ROPE_VISION, 40 -> {}
      default -> throw op.refuse(BAD_FIELD, "op_params[2], the mode, is %d".formatted(mode));
    }
    boolean multi = (mode & ROPE_MULTI) != 0;
    positions.ne(0).is((multi ? 4 : 1) * result.len(2), "one position per token and section");
    rotatedPart(op, result, mode);
    if (multi) {
      sections(op, result.len(0));
    }
    Operand factors = op.optionalSource(2);
    if (factors != null) {
      factors.type(F32).packedRows();
      factors.ne(0).atLeast(op.param(1) / 2, "one factor per rotated pair");
      factors
          .ne(0)
          .atLeast(
              result.len(0) / 2 - ROPE_OVERREAD_BYTES / Float.BYTES, "the pairs of a whole row");
    }
  }

  /** An n_dims of 0 never ends; an odd row is written one element too far. */
  private static void rotatedPart(Operation op, Operand result, int mode) {
    long row = result.len(0);
    int rotated = op.param(1, 2, Math.max(2, row), "n_dims");
    int offset = op.param(15, 0, Math.max(0, row - rotated), "the offset");
    if (row % 2 != 0 || rotated % 2 != 0 || offset % 2 != 0 || offset + rotated > row) {
      throw op.refuse(
          BAD_SHAPE,
          "n_dims %d at offset %d in rows of %d are not pairs inside a row"
              .formatted(rotated, offset, row));
    }
    if (mode == ROPE_VISION && (rotated != row / 2 || offset != 0)) {
      throw op.refuse(BAD_SHAPE, "n_dims %d must be half of a row of %d".formatted(rotated, row));
    }
  }

  /** {@code ggml_mrope_cache_init} divides by their sum. */
  private static void sections(Operation op, long row) {
    long sum = 0;
    for (int i = 11; i < 15; i++) {
      sum += op.param(i, 0, row, "a section");
    }
    if (sum > row || op.param(11) + op.param(12) + op.param(13) == 0) {
      throw op.refuse(
          BAD_FIELD,
          "op_params[11] to [14], the sections, have %d of %d elements and must not all be 0"
              .formatted(sum, row));
    }
  }

  /** {@code ggml_compute_forward_flash_attn_ext_f16}; k and v are read for the same positions. */
  private static void flashAttention(Operation op) {
    Operand q = op.source(0).type(F32).packed();
    Operand k = op.source(1).type(READABLE).packed();
    Operand v = op.source(2).type(READABLE).packed();
    Operand result = op.result().type(F32).packed().ascending().contiguous();
    k.ne(0).is(q.ne(0));
    v.ne(1).is(k.ne(1));
    for (Operand cache : new Operand[] {k, v}) {
      q.ne(2).multipleOf(cache.ne(2));
      q.ne(3).is(cache.ne(3));
    }
    result.ne(0).is(v.ne(0));
    result.ne(1).is(q.ne(2));
    result.ne(2).is(q.ne(1));
    result.ne(3).is(q.ne(3));
    // A row is copied by its stride.
    result.nb(1).is(result.rowBytes(), "a row without a gap");
    Operand mask = op.optionalSource(3);
    if (mask != null) {
      mask.type(F16).packed();
      mask.ne(0).atLeast(k.ne(1));
      mask.ne(1).atLeast(q.ne(1));
      q.ne(2).multipleOf(mask.ne(2));
      q.ne(3).multipleOf(mask.ne(3));
    }
    Operand sinks = op.optionalSource(4);
    if (sinks != null) {
      sinks.type(F32).packedRows().ne(0).atLeast(q.ne(2));
    }
    int precision = op.param(3);
    if (precision != 0 && precision != 10) {
      throw op.refuse(
          BAD_FIELD, "op_params[3], the precision, is %d; it must be 0 or 10".formatted(precision));
    }
    op.param(4, 0, Integer.MAX_VALUE, "the largest number of positions seen");
  }

  /** No program computes it: its constructor has aborted since ggml 0.9. */
  private static void flashAttentionBack(Operation op) {
    throw op.refuse(UNSUPPORTED_OP, "is not computed, it is for training only");
  }

  /** {@code ggml_compute_forward_win_part_f32} takes both as one run. */
  private static void windows(Operation op) {
    int across = op.param(0, 0, Integer.MAX_VALUE, "windows across");
    int down = op.param(1, 0, Integer.MAX_VALUE, "windows down");
    int size = op.param(2, 1, Integer.MAX_VALUE, "the window");
    Operand source = op.source(0).type(F32).contiguous().dimensions(3);
    Operand result = op.result().type(F32).contiguous();
    result.ne(0).is(source.ne(0));
    result.ne(1).is(size, "the window by op_params[2]");
    result.ne(2).is(size, "the window by op_params[2]");
    result.ne(3).is(op.product(across, down), "the windows by op_params[0] and [1]");
  }

  private static void joinWindows(Operation op) {
    long size = op.param(0, 1, Integer.MAX_VALUE, "the window");
    Operand source = op.source(0).type(F32).contiguous();
    Operand result = op.result().type(F32).contiguous().dimensions(3);
    source.ne(0).is(result.ne(0));
    source.ne(1).is(size, "the window by op_params[0]");
    source.ne(2).is(size, "the window by op_params[0]");
    long across = Math.ceilDiv(result.len(1), size);
    long down = Math.ceilDiv(result.len(2), size);
    source.ne(3).atLeast(op.product(across, down), "the windows of the result");
  }

  private static void relativePositions(Operation op) {
    Operand table = op.source(0).type(EnumSet.of(F16, BF16)).contiguous();
    Operand result = op.result().type(F16).contiguous().dimensions(3);
    result.ne(0).is(table.ne(0));
    table.ne(1).atLeast(result.len(1) + result.len(2) - 1, "positions of the result");
  }

  private static void addRelativePositions(Operation op) {
    Operand source = op.source(0).type(F32).contiguous();
    Operand width = op.source(1).type(F32).contiguous();
    op.source(2).type(F32).shapeOf(width).contiguous();
    op.result().type(F32).shapeOf(source).contiguous();
    source.ne(0).is(op.product(width.len(0), width.len(0)), "ne[0] of operand 1 squared");
    source.ne(1).is(op.product(width.len(1), width.len(2)), "ne[1] times ne[2] of operand 1");
    source.ne(2).is(width.ne(3));
  }

  private static void lightningIndexer(Operation op) {
    Operand q = op.source(0).type(F32).packed();
    Operand k = op.source(1).type(READABLE).packed();
    Operand weights = op.source(2).type(F32).packed();
    Operand mask = op.source(3).type(F16).packed();
    Operand result = op.result().type(F32).packed();
    k.ne(0).is(q.ne(0));
    k.ne(1).is(1, "one head");
    k.ne(3).is(q.ne(3));
    weights.ne(0).is(q.ne(1));
    weights.ne(1).is(q.ne(2));
    weights.ne(2).is(1, "one plane");
    weights.ne(3).is(q.ne(3));
    mask.ne(0).is(k.ne(2));
    mask.ne(1).is(q.ne(2));
    mask.ne(2).is(1, "one plane");
    weights.ne(3).multipleOf(mask.ne(3));
    result.ne(0).is(k.ne(2));
    result.ne(1).is(q.ne(2));
    result.ne(2).is(1, "one plane");
    result.ne(3).is(q.ne(3));
  }
}
