// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import java.util.List;

/**
 * An operand whose contents ggml takes as row numbers without asking, or with an assertion that
 * ends the process. In ggml 0.27 these are operand 1 of GET_ROWS, GET_ROWS_BACK and SET_ROWS,
 * operand 2 of MUL_MAT_ID and ADD_ID, and operand 6 of SSM_SCAN. None of them may be negative.
 * ROPE's positions are numbers to compute with, not places in memory.
 *
 * <p>When which of them has to be looked at is what {@link IndexPlan} works out. Immutable; any
 * thread.
 *
 * @param source number of the operand
 * @param type I32 or I64
 * @param bound values must be 0 to less than this
 */
public record IndexUse(int source, TensorType type, long bound) {
  /**
   * The row numbers that a node uses; empty for most. The node must have passed {@link
   * OperationCheck}.
   *
   * @param node index in the list of nodes
   */
  public static List<IndexUse> of(ComputeGraph graph, int node) {
    int index = graph.nodeIndex(node);
    RpcTensor result = graph.tensor(index);
    return switch (TensorOp.ofCode(result.op()).orElse(TensorOp.NONE)) {
      case GET_ROWS -> use(graph, index, 1, source(graph, index, 0).ne(1));
      case SET_ROWS, GET_ROWS_BACK -> use(graph, index, 1, result.ne(1));
      case MUL_MAT_ID -> use(graph, index, 2, source(graph, index, 0).ne(2));
      case ADD_ID -> use(graph, index, 2, source(graph, index, 1).ne(1));
      case SSM_SCAN -> use(graph, index, 6, source(graph, index, 0).ne(3));
      default -> List.of();
    };
  }

  private static List<IndexUse> use(ComputeGraph graph, int tensor, int source, long bound) {
    return List.of(new IndexUse(source, source(graph, tensor, source).tensorType(), bound));
  }

  private static RpcTensor source(ComputeGraph graph, int tensor, int source) {
    return graph.tensor(graph.sourceIndex(tensor, source));
  }
}
