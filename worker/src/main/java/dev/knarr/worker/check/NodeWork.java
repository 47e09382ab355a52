// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;

/**
 * How much a node makes a device compute, in multiply-adds or what takes as long. A backend cannot
 * be stopped within a node, and a few kilobytes of descriptors over a few gigabytes of memory can
 * ask for years; so the caller holds this against a limit before the node is begun. It is an
 * estimate: right to a small factor for what takes long. Stateless; any thread.
 */
public final class NodeWork {
  /** Comparisons of an element while a row is sorted. */
  private static final long SORTING = 32;

  private NodeWork() {}

  /**
   * The work of a node that has passed {@link OperationCheck}; {@link Long#MAX_VALUE} for all that
   * is more.
   *
   * @param tensor index of its descriptor
   */
  public static long of(ComputeGraph graph, int tensor) {
    RpcTensor result = graph.tensor(tensor);
    TensorOp op = TensorOp.ofCode(result.op()).orElse(TensorOp.NONE);
    if (op.noOperation()) {
      return 0;
    }
    long made = elements(result);
    return switch (op) {
      case MUL_MAT, MUL_MAT_ID, SOLVE_TRI -> times(made, source(graph, tensor, 0).ne(0));
      case OUT_PROD -> times(made, source(graph, tensor, 0).ne(1));
      case FLASH_ATTN_EXT, FLASH_ATTN_BACK ->
          times(elements(source(graph, tensor, 0)), 2 * source(graph, tensor, 1).ne(1));
      case LIGHTNING_INDEXER -> {
        RpcTensor q = source(graph, tensor, 0);
        yield times(made, q.ne(0), q.ne(1));
      }
      case CONV_2D -> {
        RpcTensor kernel = source(graph, tensor, 0);
        yield times(made, kernel.ne(0), kernel.ne(1), kernel.ne(2));
      }
      case CONV_2D_DW -> {
        RpcTensor kernel = source(graph, tensor, 0);
        yield times(made, kernel.ne(0), kernel.ne(1));
      }
      case CONV_3D -> {
        RpcTensor kernel = source(graph, tensor, 0);
        yield times(made, kernel.ne(0), kernel.ne(1), kernel.ne(2), result.opParams().get(9));
      }
      case CONV_TRANSPOSE_1D ->
          times(elements(source(graph, tensor, 0)), source(graph, tensor, 1).ne(0));
      case CONV_TRANSPOSE_2D -> {
        RpcTensor image = source(graph, tensor, 1);
        yield times(elements(source(graph, tensor, 0)), image.ne(0), image.ne(1), image.ne(3));
      }
      case IM2COL_BACK -> {
        RpcTensor kernel = source(graph, tensor, 1);
        yield times(made, kernel.ne(0), kernel.ne(1));
      }
      case COL2IM_1D -> times(made, source(graph, tensor, 0).ne(0));
      case POOL_1D -> times(made, result.opParams().get(1));
      case POOL_2D -> times(made, result.opParams().get(1), result.opParams().get(2));
      case POOL_2D_BACK ->
          times(
              elements(source(graph, tensor, 0)),
              result.opParams().get(1),
              result.opParams().get(2));
      case SSM_CONV -> times(made, source(graph, tensor, 1).ne(0));
      case SSM_SCAN -> times(elements(source(graph, tensor, 1)), source(graph, tensor, 0).ne(0));
      case RWKV_WKV6, RWKV_WKV7, GATED_LINEAR_ATTN ->
          times(elements(source(graph, tensor, 0)), source(graph, tensor, 0).ne(0));
      case GATED_DELTA_NET ->
          times(elements(source(graph, tensor, 2)), source(graph, tensor, 2).ne(0));
      case ARGSORT, TOP_K -> times(elements(source(graph, tensor, 0)), SORTING);
      default -> most(graph, tensor);
    };
  }

  /**
   * Operations that look at each element once: as many as the largest operand or the result has.
   */
  private static long most(ComputeGraph graph, int tensor) {
    long most = elements(graph.tensor(tensor));
    for (int i = 0; i < RpcTensor.MAX_SOURCES; i++) {
      if (graph.sourceIndex(tensor, i) >= 0) {
        most = Math.max(most, elements(source(graph, tensor, i)));
      }
    }
    return most;
  }

  private static RpcTensor source(ComputeGraph graph, int tensor, int source) {
    return graph.tensor(graph.sourceIndex(tensor, source));
  }

  private static long elements(RpcTensor tensor) {
    return times(tensor.ne(0), tensor.ne(1), tensor.ne(2), tensor.ne(3));
  }

  /** A product of numbers of 0 and more, at most {@link Long#MAX_VALUE}. */
  private static long times(long... factors) {
    long product = 1;
    for (long factor : factors) {
      if (Math.multiplyHigh(product, factor) != 0 || product * factor < 0) {
        return Long.MAX_VALUE;
      }
      product *= factor;
    }
    return product;
  }
}
