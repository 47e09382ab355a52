// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.F64;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.rpc.tensor.TensorType.I64;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.stream.Stream;

/**
 * Attacks by well-formed graphs whose operations do not fit their operands. The whole table of
 * rules is in {@code OperationCheckTest}; these show that it stands before ggml.
 */
final class OperationAttacks {
  private OperationAttacks() {}

  static Stream<Attack> all() {
    return Stream.of(sorts(), shapes(), types(), parameters()).flatMap(attacks -> attacks);
  }

  /** What {@code std::sort} does not survive; the fuzzing of sequences found both. */
  private static Stream<Attack> sorts() {
    return Stream.of(
        Attack.of(
            "a sort of numbers among which the graph makes a NaN",
            OUT_OF_RANGE,
            client -> {
              var g = WireGraph.on(client, 0);
              var values = g.data(F32, 256, 4);
              var roots = g.node(TensorOp.SQRT, F32, 256, 4).from(values);
              g.node(TensorOp.ARGSORT, I32, 256, 4).from(roots);
              float[] negative = new float[1024];
              for (int i = 0; i < negative.length; i++) {
                negative[i] = i % 3 - 1;
              }
              client.write(values.build(), negative);
              g.send(0, 1);
              client.endSending();
            }),
        Attack.graph(
            "a sort over the numbers that it sorts",
            OUT_OF_RANGE,
            g -> {
              var values = g.data(F32, 256, 4);
              g.node(TensorOp.ARGSORT, I32, 256, 4)
                  .from(values)
                  .with(it -> it.data(values.address()));
            }));
  }

  private static Stream<Attack> shapes() {
    return Stream.of(
        Attack.graph(
            "a product of rows of another length",
            BAD_SHAPE,
            g -> {
              var weights = g.data(F32, 64, 4);
              var columns = g.data(F32, 4096, 2);
              g.node(TensorOp.MUL_MAT, F32, 4, 2).from(weights, columns);
            }),
        Attack.graph(
            "a product with a result of too few rows",
            BAD_SHAPE,
            g -> {
              var weights = g.data(F32, 64, 4);
              var columns = g.data(F32, 64, 2);
              g.node(TensorOp.MUL_MAT, F32, 4, 1).from(weights, columns);
            }),
        Attack.graph(
            "a product of 3 weights for 4 matrices",
            BAD_SHAPE,
            g -> {
              var weights = g.data(F32, 64, 4, 3);
              var columns = g.data(F32, 64, 2, 4);
              g.node(TensorOp.MUL_MAT, F32, 4, 2, 4).from(weights, columns);
            }),
        Attack.graph(
            "a sum into a larger result",
            BAD_SHAPE,
            g -> {
              var one = g.data(F32, 4);
              g.node(TensorOp.ADD, F32, 4096).from(one, one);
            }),
        Attack.graph(
            "a sum of 3 repeated to 4",
            BAD_SHAPE,
            g -> {
              var one = g.data(F32, 4);
              var other = g.data(F32, 3);
              g.node(TensorOp.ADD, F32, 4).from(one, other);
            }),
        Attack.graph(
            "one row with a huge stride where another operand has many",
            BAD_SHAPE,
            g -> {
              var one = g.data(F32, 4, 1).strides(4, 0x7fff_ff00, 4, 4);
              var other = g.data(F32, 4, 8);
              g.node(TensorOp.ADD, F32, 4, 8).from(one, other);
            }),
        Attack.graph(
            "a copy of more elements than there are",
            BAD_SHAPE,
            g -> {
              var source = g.data(F32, 4);
              g.node(TensorOp.CONT, F32, 4096).from(source);
            }),
        Attack.graph(
            "attention over fewer values than keys",
            BAD_SHAPE,
            g -> {
              var q = g.data(F32, 64, 1, 2);
              var k = g.data(F16, 64, 32, 2);
              var v = g.data(F16, 64, 8, 2);
              g.node(TensorOp.FLASH_ATTN_EXT, F32, 64, 2, 1).from(q, k, v).params(0, 0, 0, 10);
            }),
        Attack.graph(
            "a mask for fewer positions",
            BAD_SHAPE,
            g -> {
              var x = g.data(F32, 32, 4);
              var mask = g.data(F32, 32, 2);
              g.node(TensorOp.SOFT_MAX, F32, 32, 4).from(x, mask).param(0, 1f);
            }),
        Attack.graph(
            "fewer positions than tokens",
            BAD_SHAPE,
            g -> {
              var x = g.data(F32, 64, 2, 8);
              var positions = g.data(I32, 4);
              g.node(TensorOp.ROPE, F32, 64, 2, 8).from(x, positions).params(0, 64);
            }),
        Attack.graph(
            "fewer row numbers than rows",
            BAD_SHAPE,
            g -> {
              var table = g.data(F32, 8, 4);
              var ids = g.data(I32, 2);
              g.node(TensorOp.GET_ROWS, F32, 8, 64).from(table, ids);
            }),
        Attack.graph(
            "rows of another length for a table",
            BAD_SHAPE,
            g -> {
              var rows = g.data(F32, 16, 1);
              var ids = g.data(I64, 1);
              var table = g.data(F16, 8, 4);
              g.node(TensorOp.SET_ROWS, F16, 8, 4).from(rows, ids, table).viewOf(table, 0);
            }));
  }

  private static Stream<Attack> types() {
    return Stream.of(
        Attack.graph(
            "weights of 64-bit floats",
            UNSUPPORTED_OP,
            g -> {
              var weights = g.data(F64, 64, 4);
              var columns = g.data(F32, 64, 2);
              g.node(TensorOp.MUL_MAT, F32, 4, 2).from(weights, columns);
            }),
        Attack.graph(
            "row numbers that are floats",
            UNSUPPORTED_OP,
            g -> {
              var table = g.data(F32, 8, 4);
              var ids = g.data(F32, 2);
              g.node(TensorOp.GET_ROWS, F32, 8, 2).from(table, ids);
            }),
        Attack.graph(
            "a training operation that aborts",
            UNSUPPORTED_OP,
            g -> {
              var one = g.data(F32, 8, 4);
              g.node(TensorOp.FLASH_ATTN_BACK, F32, 8, 4).from(one, one, one, one);
            }),
        Attack.graph(
            "attention without values",
            BAD_GRAPH,
            g -> {
              var q = g.data(F32, 64, 1, 2);
              var k = g.data(F16, 64, 32, 2);
              g.node(TensorOp.FLASH_ATTN_EXT, F32, 64, 2, 1).from(q, k);
            }));
  }

  private static Stream<Attack> parameters() {
    return Stream.of(
        Attack.graph(
            "an ACC at a negative offset",
            BAD_FIELD,
            g -> {
              var target = g.data(F32, 64);
              var source = g.data(F32, 4);
              g.node(TensorOp.ACC, F32, 64).from(target, source).params(16, 16, 16, -1024, 0);
            }),
        Attack.graph(
            "a SET with a stride out of the tensor",
            OUT_OF_RANGE,
            g -> {
              var target = g.data(F32, 64);
              var source = g.data(F32, 4, 4);
              g.node(TensorOp.SET, F32, 64).from(target, source).params(0x7000_0000, 16, 16, 0, 0);
            }),
        Attack.graph(
            "a ROPE that rotates 2^31 - 1 elements",
            BAD_FIELD,
            g -> {
              var x = g.data(F32, 64, 1, 1);
              var positions = g.data(I32, 1);
              g.node(TensorOp.ROPE, F32, 64, 1, 1).from(x, positions).params(0, Integer.MAX_VALUE);
            }),
        Attack.graph(
            "a PERMUTE to axis 7",
            BAD_FIELD,
            g -> {
              var x = g.data(F32, 4, 4);
              g.node(TensorOp.PERMUTE, F32, 4, 4).from(x).viewOf(x, 0).params(7, 1, 2, 3);
            }),
        Attack.graph(
            "a CONCAT along dimension 4",
            BAD_FIELD,
            g -> {
              var x = g.data(F32, 4);
              g.node(TensorOp.CONCAT, F32, 8).from(x, x).params(4);
            }),
        Attack.graph(
            "function 99 of one number",
            BAD_FIELD,
            g -> {
              var x = g.data(F32, 4);
              g.node(TensorOp.UNARY, F32, 4).from(x).params(99);
            }),
        Attack.graph(
            "2^31 - 1 snapshots of a delta net",
            BAD_SHAPE,
            g -> {
              var v = g.data(F32, 16, 1, 2, 1);
              var gate = g.data(F32, 1, 1, 2, 1);
              var state = g.data(F32, 16, 16, 1, 1);
              g.node(TensorOp.GATED_DELTA_NET, F32, 16, 18)
                  .from(v, v, v, gate, gate, state)
                  .params(Integer.MAX_VALUE);
            }),
        Attack.graph(
            "an IM2COL of patches that are larger than the kernel",
            BAD_SHAPE,
            g -> {
              var kernel = g.data(F32, 3, 3, 1, 1);
              var image = g.data(F32, 8, 8, 1, 1);
              g.node(TensorOp.IM2COL, F32, 4096, 6, 6)
                  .from(kernel, image)
                  .params(1, 1, 0, 0, 1, 1, 1);
            }));
  }
}
