// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.SIZE_OVERFLOW;

import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;

/**
 * How much memory ggml's CPU backend will allocate beside the buffers to compute a graph: at most
 * what {@code ggml_graph_plan} of ggml 0.27 asks for. An allocation that fails there ends the
 * process, and a few kilobytes of descriptors can ask for terabytes (MUL_MAT_ID keeps a list of
 * every choice for every expert), so the caller holds this against a budget. Stateless; any thread.
 */
public final class ScratchMemory {
  /** Work space of one thread that does not depend on the shapes, generously. */
  private static final long THREAD_BYTES = 1L << 20;

  private static final long CONVOLUTION_BYTES = 16L << 20;

  /** {@code GGML_FA_TILE_Q}, {@code GGML_FA_TILE_KV}. */
  private static final long TILE = 64;

  private ScratchMemory() {}

  /**
   * An upper bound for a graph whose nodes have passed {@link OperationCheck}.
   *
   * @param threads of the backend
   * @throws RpcProtocolException SIZE_OVERFLOW when it leaves 63 bits
   */
  public static long bytes(ComputeGraph graph, int threads) {
    long most = 0;
    for (int node = 0; node < graph.nodeCount(); node++) {
      int index = graph.nodeIndex(node);
      if (graph.tensor(index).isComputed()) {
        try {
          most = Math.max(most, ofNode(graph, index, threads));
        } catch (ArithmeticException _) {
          throw new RpcProtocolException(
              SIZE_OVERFLOW,
              "The scratch memory of node '%s' leaves 63 bits"
                  .formatted(Names.printable(graph.tensor(index).name())));
        }
      }
    }
    return most;
  }

  private static long ofNode(ComputeGraph graph, int index, int threads) {
    RpcTensor result = graph.tensor(index);
    TensorOp op = TensorOp.ofCode(result.op()).orElse(TensorOp.NONE);
    if (op.noOperation()) {
      return 0;
    }
    long perThread = Math.multiplyExact(THREAD_BYTES, (long) threads);
    long shaped =
        switch (op) {
          case MUL_MAT -> floats(elements(graph, index, 1));
          case MUL_MAT_ID -> choices(graph, index);
          case CONV_TRANSPOSE_1D, CONV_TRANSPOSE_2D ->
              floats(Math.addExact(elements(graph, index, 0), elements(graph, index, 1)));
          case CONV_2D, CONV_3D -> CONVOLUTION_BYTES;
          case FLASH_ATTN_EXT -> attention(graph, index, threads);
          case GATED_DELTA_NET -> {
            long size = source(graph, index, 2).ne(0);
            yield floats(Math.multiplyExact(size * (size + 1), (long) threads));
          }
          default -> floats(Math.multiplyExact(longestRow(graph, index) * 2, (long) threads));
        };
    return Math.addExact(perThread, shaped);
  }

  /** {@code mmid_row_mapping} for every expert, and the columns in another type. */
  private static long choices(ComputeGraph graph, int index) {
    RpcTensor ids = source(graph, index, 2);
    long experts = source(graph, index, 0).ne(2);
    long lists = Math.multiplyExact(Math.multiplyExact(experts, ids.ne(0)), 8 * ids.ne(1));
    long columns = floats(elements(graph, index, 1));
    return Math.addExact(Math.addExact(lists, columns), 128 * (experts + 1));
  }

  private static long attention(ComputeGraph graph, int index, int threads) {
    long heads = source(graph, index, 0).ne(2);
    long keySize = source(graph, index, 1).ne(0);
    long valueSize = source(graph, index, 2).ne(0);
    long tiles = 2 * TILE * (keySize + valueSize + TILE);
    long decode = Math.multiplyExact(heads + 2, keySize + 2 * valueSize + 2);
    return floats(Math.multiplyExact(Math.max(tiles, decode), (long) threads));
  }

  private static long longestRow(ComputeGraph graph, int index) {
    long longest = graph.tensor(index).ne(0);
    for (int i = 0; i < RpcTensor.MAX_SOURCES; i++) {
      if (graph.sourceIndex(index, i) >= 0) {
        longest = Math.max(longest, source(graph, index, i).ne(0));
      }
    }
    return longest;
  }

  private static long elements(ComputeGraph graph, int index, int source) {
    RpcTensor tensor = source(graph, index, source);
    return Math.multiplyExact(
        Math.multiplyExact(tensor.ne(0), tensor.ne(1)),
        Math.multiplyExact(tensor.ne(2), tensor.ne(3)));
  }

  private static RpcTensor source(ComputeGraph graph, int index, int source) {
    return graph.tensor(graph.sourceIndex(index, source));
  }

  private static long floats(long count) {
    return Math.multiplyExact(count, (long) Float.BYTES);
  }
}
