// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.worker.check.Types.INDICES;
import static dev.knarr.worker.check.Types.READABLE;
import static dev.knarr.worker.check.Types.WRITABLE;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.EnumSet;
import java.util.Map;

/**
 * Operations that pick rows by number, and those that write into a part of a tensor. The numbers
 * themselves are data: see {@link IndexUse}.
 */
final class RowRules {
  private RowRules() {}

  static void fill(Map<TensorOp, Rule> rules) {
    rules.put(TensorOp.GET_ROWS, RowRules::getRows);
    rules.put(TensorOp.GET_ROWS_BACK, RowRules::getRowsBack);
    rules.put(TensorOp.SET_ROWS, RowRules::setRows);
    rules.put(TensorOp.ADD_ID, RowRules::addId);
    rules.put(TensorOp.SET, RowRules::set);
    rules.put(TensorOp.ACC, RowRules::accumulate);
  }

  private static void getRows(Operation op) {
    Operand table = op.source(0).packed();
    Operand ids = op.source(1).type(I32).dimensions(3);
    Operand result = op.result().packed();
    if (table.type() == I32) {
      result.type(I32);
    } else {
      table.type(READABLE);
      result.type(F32);
    }
    result.ne(0).is(table.ne(0));
    result.ne(1).is(ids.ne(0));
    result.ne(2).is(ids.ne(1));
    result.ne(3).is(ids.ne(2));
    table.ne(2).is(ids.ne(1));
    table.ne(3).is(ids.ne(2));
  }

  /** {@code ggml_compute_forward_get_rows_back}: the row numbers are read as one run. */
  private static void getRowsBack(Operation op) {
    Operand gradient = op.source(0).type(EnumSet.of(F32, F16)).packed().dimensions(2);
    Operand ids = op.source(1).type(I32).packedRows().dimensions(1);
    Operand result = op.result().type(F32).contiguous().dimensions(2);
    result.ne(0).is(gradient.ne(0));
    ids.ne(0).atMost(gradient.ne(1));
  }

  private static void setRows(Operation op) {
    Operand rows = op.source(0).type(EnumSet.of(F32, F16)).packed();
    Operand ids = op.source(1).type(INDICES).dimensions(3);
    Operand result = op.result().type(WRITABLE).packed();
    result.ne(0).is(rows.ne(0));
    result.ne(2).is(rows.ne(2));
    result.ne(3).is(rows.ne(3));
    ids.ne(0).is(rows.ne(1));
    rows.ne(2).multipleOf(ids.ne(1));
    rows.ne(3).multipleOf(ids.ne(2));
  }

  private static void addId(Operation op) {
    Operand left = op.source(0).type(F32).packed();
    Operand perExpert = op.source(1).type(F32).packed();
    Operand ids = op.source(2).type(I32);
    op.result().type(F32).shapeOf(left).packed();
    perExpert.ne(0).is(left.ne(0));
    ids.ne(0).is(left.ne(1));
    ids.ne(1).is(left.ne(2));
  }

  private static void set(Operation op) {
    Operand target = op.source(0).type(EnumSet.of(F32, I32));
    part(op, target);
  }

  private static void accumulate(Operation op) {
    part(op, op.source(0).type(F32));
  }

  /**
   * {@code ggml_compute_forward_set}, {@code …_acc}: the parameters are strides and offset of the
   * part of the result that operand 1 goes to. ggml reads them as signed and asserts only on the
   * first byte of the last element.
   */
  private static void part(Operation op, Operand target) {
    target.contiguous();
    Operand source = op.source(1).typeOf(target).packed();
    Operand result = op.result().typeOf(target).shapeOf(target).contiguous();
    if (result.empty()) {
      return;
    }
    long size = result.type().blockBytes();
    long end = atElement(op, 3, "the offset", size);
    for (int i = 1; i < 4; i++) {
      long stride = atElement(op, i - 1, "a stride", size);
      // Each factor is below 2^31, so the four terms stay far below 2^63.
      end += Math.max(0, source.len(i) - 1) * stride;
    }
    // An empty operand 1 still passes ggml's assertion on the place of its first element.
    end += Math.max(1, source.len(0)) * size;
    result.reaches(end, "the part it writes");
    target.reaches(end, "the part it writes");
  }

  private static long atElement(Operation op, int index, String what, long size) {
    long bytes = op.param(index, 0, Integer.MAX_VALUE, what);
    if (bytes % size != 0) {
      throw op.refuse(
          BAD_FIELD,
          "op_params[%d], %s, is %d, no multiple of the element size %d"
              .formatted(index, what, bytes, size));
    }
    return bytes;
  }
}
