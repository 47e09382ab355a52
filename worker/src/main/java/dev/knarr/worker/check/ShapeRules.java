// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.BF16;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.worker.check.Types.DEQUANTIZABLE;
import static dev.knarr.worker.check.Types.FLOATS;
import static dev.knarr.worker.check.Types.QUANTIZABLE;

import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import java.util.Map;

/** Views, which compute nothing, and copies: the same elements in another layout or type. */
final class ShapeRules {
  private ShapeRules() {}

  static void fill(Map<TensorOp, Rule> rules) {
    rules.put(TensorOp.NONE, _ -> {});
    rules.put(TensorOp.VIEW, ShapeRules::view);
    rules.put(TensorOp.RESHAPE, ShapeRules::reshape);
    rules.put(TensorOp.PERMUTE, ShapeRules::permute);
    rules.put(TensorOp.TRANSPOSE, ShapeRules::transpose);
    rules.put(TensorOp.DUP, ShapeRules::sameTypeCopy);
    rules.put(TensorOp.CONT, ShapeRules::sameTypeCopy);
    rules.put(TensorOp.CPY, ShapeRules::copy);
    rules.put(TensorOp.CONCAT, ShapeRules::concat);
    rules.put(TensorOp.REPEAT, ShapeRules::repeat);
    rules.put(TensorOp.REPEAT_BACK, ShapeRules::repeatBack);
  }

  /** Where it lies in its source is for {@link GraphCheck}, which knows the addresses. */
  private static void view(Operation op) {
    op.result().typeOf(op.source(0));
  }

  private static void reshape(Operation op) {
    sameCount(op, op.source(0), op.result());
    op.result().typeOf(op.source(0));
  }

  /** The parameters say where each dimension of the operand went: {@code ggml_permute}. */
  private static void permute(Operation op) {
    Operand source = op.source(0);
    Operand result = op.result().typeOf(source);
    int seen = 0;
    for (int i = 0; i < 4; i++) {
      int axis = op.param(i, 0, 3, "an axis");
      seen |= 1 << axis;
      result.ne(axis).is(source.ne(i));
      result.nb(axis).is(source.nb(i));
    }
    if (seen != 0b1111) {
      throw op.refuse(BAD_FIELD, "op_params[0] to [3], the axes, name one twice");
    }
  }

  private static void transpose(Operation op) {
    Operand source = op.source(0);
    Operand result = op.result().typeOf(source);
    result.ne(0).is(source.ne(1));
    result.ne(1).is(source.ne(0));
    result.ne(2).is(source.ne(2));
    result.ne(3).is(source.ne(3));
  }

  /**
   * {@code ggml_compute_forward_dup_bytes}. Only CPY plans the scratch memory a conversion needs
   * ({@code ggml_graph_plan}), so these two cannot change the type.
   */
  private static void sameTypeCopy(Operation op) {
    Operand source = op.source(0);
    sameCount(op, source, op.result());
    op.result().typeOf(source);
    moveBlocks(op, source, op.result());
  }

  private static void copy(Operation op) {
    Operand source = op.source(0);
    Operand result = op.result();
    sameCount(op, source, result);
    if (source.type() == result.type()) {
      moveBlocks(op, source, result);
    } else if (source.type().blockElements() > 1) {
      dequantize(op, source.type(DEQUANTIZABLE), result.type(F32));
    } else if (result.type().blockElements() > 1) {
      quantize(source.type(FLOATS), result.type(QUANTIZABLE));
    } else {
      convert(op, source, result);
    }
  }

  /**
   * Blocks have a bug to avoid in {@code ggml_compute_forward_dup_bytes}: from rows with gaps into
   * a result without, it takes a row to have {@code ne[0]} blocks, unless the shapes are equal.
   */
  private static void moveBlocks(Operation op, Operand source, Operand result) {
    if (source.type().blockElements() == 1) {
      return;
    }
    boolean sameShape = true;
    for (int i = 0; i < 4; i++) {
      sameShape &= source.len(i) == result.len(i);
    }
    if (!sameShape && result.isContiguous() && !source.isContiguous()) {
      throw op.refuse(
          UNSUPPORTED_OP,
          "%s blocks with gaps cannot be copied into another shape without gaps"
              .formatted(source.type().label()));
    }
  }

  /** {@code dup_from_q} takes layout and count from operand 1 and writes to the result. */
  private static void dequantize(Operation op, Operand source, Operand result) {
    Operand layout = op.source(1).typeOf(result).shapeOf(result);
    for (int i = 0; i < 4; i++) {
      layout.nb(i).is(result.nb(i));
    }
    result.packed();
    if (result.len(0) % source.type().blockElements() != 0) {
      result.contiguous();
    }
    if (source.elements() > 0xffff_ffffL) {
      throw op.refuse(BAD_SHAPE, "%d elements are over 32 bits".formatted(source.elements()));
    }
  }

  /** {@code dup_to_q}: the planned scratch row has the result's length, the kernel fills ours. */
  private static void quantize(Operand source, Operand result) {
    source.packed();
    result.contiguous();
    if (source.len(0) % result.type().blockElements() != 0) {
      source.ne(0).multipleOf(result.ne(0));
    }
    source.ne(0).atMost(result.ne(0));
  }

  private static void convert(Operation op, Operand source, Operand result) {
    TensorType from = source.type();
    TensorType to = result.type();
    boolean known =
        (FLOATS.contains(from) && FLOATS.contains(to))
            || (from == F32 && to == I32)
            || (from == I32 && to == F32);
    if (!known) {
      throw op.refuse(
          UNSUPPORTED_OP, "%s cannot be copied as %s".formatted(from.label(), to.label()));
    }
  }

  private static void concat(Operation op) {
    Operand first = op.source(0);
    Operand second = op.source(1).typeOf(first);
    Operand result = op.result().typeOf(first);
    int dimension = op.param(0, 0, 3, "the dimension");
    for (int i = 0; i < 4; i++) {
      if (i == dimension) {
        result.ne(i).is(first.len(i) + second.len(i), "the sum of both operands");
      } else {
        result.ne(i).is(first.ne(i));
        second.ne(i).is(first.ne(i));
      }
    }
    // 16 and 32 bits and I8 go element by element, everything else row by row.
    switch (first.type()) {
      case F32, F16, BF16, I32, I16, I8 -> {}
      default -> {
        first.packedRows();
        second.packedRows();
        result.packedRows();
      }
    }
  }

  private static void repeat(Operation op) {
    Operand source = op.source(0).packed().repeatsInto(op.result());
    op.result().typeOf(source).packed();
    switch (source.type()) {
      case F32, F16, BF16, I32, I16 -> {}
      default ->
          throw op.refuse(UNSUPPORTED_OP, "%s is not repeated".formatted(source.type().label()));
    }
  }

  private static void repeatBack(Operation op) {
    Operand source = op.source(0).type(F32).packed();
    op.result().type(F32).packed().repeatsInto(source);
  }

  private static void sameCount(Operation op, Operand source, Operand result) {
    if (source.elements() != result.elements()) {
      throw op.refuse(
          BAD_SHAPE,
          "%s has %d elements but %s has %d"
              .formatted(result, result.elements(), source, source.elements()));
    }
  }
}
