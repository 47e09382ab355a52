// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.Map;

/** Recurrent layers: state-space models, RWKV, linear attention and the mixing of streams. */
final class StateSpaceRules {
  /** RWKV 7 handles its rows in steps of up to 64 floats (AVX-512) and has no code for a rest. */
  private static final long WKV7_STEP = 64;

  /** Iterations are a loop per token; the models use 20. */
  private static final int MAX_ITERATIONS = 4096;

  private StateSpaceRules() {}

  static void fill(Map<TensorOp, Rule> rules) {
    rules.put(TensorOp.SSM_CONV, StateSpaceRules::ssmConv);
    rules.put(TensorOp.SSM_SCAN, StateSpaceRules::ssmScan);
    rules.put(TensorOp.RWKV_WKV6, StateSpaceRules::wkv6);
    rules.put(TensorOp.RWKV_WKV7, StateSpaceRules::wkv7);
    rules.put(TensorOp.GATED_LINEAR_ATTN, StateSpaceRules::gatedLinearAttention);
    rules.put(TensorOp.GATED_DELTA_NET, StateSpaceRules::gatedDeltaNet);
    rules.put(TensorOp.DSV4_HC_COMB, StateSpaceRules::combineStreams);
    rules.put(TensorOp.DSV4_HC_PRE, StateSpaceRules::mixStreams);
    rules.put(TensorOp.DSV4_HC_POST, StateSpaceRules::spreadStreams);
  }

  private static void ssmConv(Operation op) {
    Operand input = op.source(0).type(F32).packed().dimensions(3);
    Operand kernel = op.source(1).type(F32).packed().dimensions(2).contiguous().flatRows();
    Operand result = op.result().type(F32).packed().dimensions(3);
    input.nb(1).is(input.rowBytes(), "rows without gaps");
    kernel.nb(1).is(kernel.rowBytes(), "rows without gaps");
    kernel.ne(1).is(input.ne(1));
    result.ne(0).is(input.ne(1));
    result.ne(2).is(input.ne(2));
    input.ne(0).atLeast(kernel.len(0) - 1 + result.len(1), "a kernel behind each token");
  }

  /**
   * {@code ggml_compute_forward_ssm_scan_f32} finds states in the result by operand 0's strides.
   */
  private static void ssmScan(Operation op) {
    Operand state = op.source(0).type(F32).packed().contiguous();
    Operand x = op.source(1).type(F32).packed();
    Operand dt = op.source(2).type(F32).packed().contiguous().dimensions(3);
    Operand decay = op.source(3).type(F32).packed().contiguous().dimensions(2);
    Operand b = op.source(4).type(F32).packed();
    Operand c = op.source(5).type(F32).packed().shapeOf(b);
    Operand ids = op.source(6).type(I32).packed().dimensions(1);
    op.result().type(F32).contiguous();
    long snapshots = op.param(0, 1, Integer.MAX_VALUE, "the number of snapshots");
    state.ne(1).is(x.ne(0));
    state.ne(2).is(x.ne(1));
    state.nb(1).is(state.rowBytes(), "no gaps");
    state.nb(2).is(op.product(state.step(1), state.len(1)), "no gaps");
    state.nb(3).is(op.product(state.step(2), state.len(2)), "no gaps");
    for (Operand rows : new Operand[] {x, b, c}) {
      rows.nb(1).is(rows.rowBytes(), "rows without gaps");
    }
    dt.ne(0).is(x.ne(1));
    dt.ne(1).is(x.ne(2));
    dt.ne(2).is(x.ne(3));
    decay.ne(1).is(x.ne(1));
    if (decay.len(0) != 1) {
      decay.ne(0).is(state.ne(0));
      if (snapshots != 1) {
        throw op.refuse(BAD_FIELD, "op_params[0] is %d; this form has 1".formatted(snapshots));
      }
    }
    b.ne(0).is(state.ne(0));
    x.ne(1).multipleOf(b.ne(1));
    b.notEmpty();
    b.ne(2).is(x.ne(2));
    b.ne(3).is(x.ne(3));
    ids.ne(0).is(x.ne(3));
    long states = op.product(snapshots, state.len(0), state.len(1), state.len(2), x.len(3));
    sum(op, x.elements(), states);
  }

  private static void sum(Operation op, long outputs, long states) {
    if (op.result().elements() - outputs != states) {
      throw op.refuse(
          BAD_SHAPE,
          "the result has %d elements, not %d of output and %d of state"
              .formatted(op.result().elements(), outputs, states));
    }
  }

  private static void wkv6(Operation op) {
    Operand k = op.source(0);
    heads(op, 5, 0, 1, 2, 4);
    Operand first = op.source(3).type(F32).contiguous();
    if (first.elements() < op.product(k.len(0), k.len(1))) {
      throw op.refuse(BAD_SHAPE, "operand 3 has %d elements".formatted(first.elements()));
    }
  }

  private static void wkv7(Operation op) {
    heads(op, 6, 0, 1, 2, 3, 4, 5);
    long row = op.source(0).len(0);
    if (row % WKV7_STEP != 0) {
      throw op.refuse(
          BAD_SHAPE, "%s is %d, no multiple of %d".formatted(op.source(0).ne(0), row, WKV7_STEP));
    }
  }

  private static void gatedLinearAttention(Operation op) {
    heads(op, 4, 0, 1, 2, 3);
  }

  /** Operands of (size, heads, tokens), a state per sequence, and a result that holds both. */
  private static void heads(Operation op, int stateSource, int... sources) {
    Operand first = op.source(sources[0]).dimensions(3);
    for (int source : sources) {
      op.source(source).type(F32).contiguous().shapeOf(first);
    }
    Operand state = op.source(stateSource).type(F32).contiguous();
    Operand result = op.result().type(F32).contiguous().dimensions(2);
    long size = first.len(0);
    long width = op.product(size, first.len(1));
    long tokens = first.len(2);
    long sequences = state.len(1);
    result.ne(0).is(width, "heads times their size");
    result.ne(1).is(tokens + op.product(size, sequences), "tokens and states");
    if (state.elements() != op.product(size, width, sequences)) {
      throw op.refuse(
          BAD_SHAPE,
          "%s has %d elements, not %d of %d sequences"
              .formatted(state, state.elements(), op.product(size, width), sequences));
    }
    if (tokens > 0 && (sequences == 0 || tokens % sequences != 0)) {
      throw op.refuse(
          BAD_SHAPE, "%d tokens are not shared by %d sequences".formatted(tokens, sequences));
    }
  }

  private static void gatedDeltaNet(Operation op) {
    Operand q = op.source(0).type(F32).packedRows();
    Operand k = op.source(1).type(F32).packedRows();
    Operand v = op.source(2).type(F32).packedRows();
    Operand gate = op.source(3).type(F32).contiguous();
    Operand beta = op.source(4).type(F32).contiguous();
    Operand state = op.source(5).type(F32).contiguous();
    Operand result = op.result().type(F32).contiguous().dimensions(2);
    long snapshots = op.param(0, 1, Integer.MAX_VALUE, "the number of snapshots");
    for (Operand shared : new Operand[] {q, k}) {
      shared.ne(0).is(v.ne(0));
      v.ne(1).multipleOf(shared.ne(1));
      shared.ne(2).is(v.ne(2));
      v.ne(3).multipleOf(shared.ne(3));
    }
    if (gate.len(0) != 1) {
      gate.ne(0).is(v.ne(0));
    }
    beta.ne(0).is(1, "one number per head and token");
    state.ne(0).is(v.ne(0));
    state.ne(1).is(v.ne(0));
    state.ne(2).is(v.ne(1));
    state.ne(3).is(v.ne(3));
    for (int i = 1; i < 4; i++) {
      gate.ne(i).is(v.ne(i));
      beta.ne(i).is(v.ne(i));
    }
    result.ne(0).is(op.product(v.len(0), v.len(1)), "heads times their size");
    sum(op, v.elements(), op.product(snapshots, state.elements()));
  }

  private static void combineStreams(Operation op) {
    Operand mixes = op.source(0).type(F32).dimensions(2);
    Operand scale = op.source(1).type(F32).dimensions(1);
    Operand base = op.source(2).type(F32).dimensions(1);
    Operand result = op.result().type(F32).dimensions(3);
    op.param(1, 1, MAX_ITERATIONS, "the number of iterations");
    mixes.ne(0).is(24, "the mix of 4 streams");
    base.ne(0).is(mixes.ne(0));
    scale.ne(0).atLeast(3, "three scales");
    result.ne(0).is(4, "4 streams");
    result.ne(1).is(4, "4 streams");
    result.ne(2).is(mixes.ne(1));
  }

  private static void mixStreams(Operation op) {
    Operand x = op.source(0).type(F32).dimensions(3);
    Operand weights = op.source(1).type(F32);
    Operand result = op.result().type(F32).dimensions(2);
    result.ne(0).is(x.ne(0));
    result.ne(1).is(x.ne(2));
    if (op.param(1) != 0) {
      weights.dimensions(3).shapeOf(x);
    } else {
      weights.dimensions(2).ne(0).is(x.ne(1));
      weights.ne(1).is(x.ne(2));
    }
  }

  private static void spreadStreams(Operation op) {
    Operand x = op.source(0).type(F32).dimensions(2);
    Operand residual = op.source(1).type(F32).dimensions(3);
    Operand post = op.source(2).type(F32).dimensions(2);
    Operand comb = op.optionalSource(3);
    op.result().type(F32).shapeOf(residual);
    residual.ne(0).is(x.ne(0));
    residual.ne(2).is(x.ne(1));
    post.ne(0).is(residual.ne(1));
    post.ne(1).is(residual.ne(2));
    if (comb != null) {
      comb.type(F32).dimensions(3);
      comb.ne(0).is(residual.ne(1));
      comb.ne(1).is(residual.ne(1));
      comb.ne(2).is(residual.ne(2));
    }
  }
}
