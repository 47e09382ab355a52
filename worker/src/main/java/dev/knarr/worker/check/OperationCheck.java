// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;

import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Proves that an operation's descriptors are such as its kernels can stand: operands present, types
 * with a kernel, every extent, stride and parameter in the relation that the kernel takes for
 * granted. What the kernel then touches lies inside the byte ranges of the descriptors ({@link
 * RpcTensor#byteSize} from {@link RpcTensor#data} on), which the caller has to check against its
 * buffers. Row numbers in the data are {@link IndexUse}.
 *
 * <p>Results may overlap their operands, as llama.cpp does in place and in its reused compute
 * buffer: the values are then what ggml makes of them, but no kernel leaves the ranges for it.
 *
 * <p>Whether a device can compute a checked operation is for {@code ggml_backend_dev_supports_op},
 * which is safe to ask after this check and not before. Stateless; any thread.
 */
public final class OperationCheck {
  /**
   * Readable bytes that a device buffer in host memory must have behind its last byte: partial ROPE
   * reads that far behind its frequency factors.
   */
  public static final long OVERREAD_BYTES = AttentionRules.ROPE_OVERREAD_BYTES;

  private static final Map<TensorOp, Rule> RULES = rules();

  /** Operations to which an operand may add nothing. */
  private static final Set<TensorOp> JOINS =
      EnumSet.of(
          TensorOp.CONCAT,
          TensorOp.PAD,
          TensorOp.SET,
          TensorOp.ACC,
          TensorOp.SUM,
          TensorOp.SET_ROWS,
          TensorOp.CONV_2D,
          TensorOp.CONV_3D,
          TensorOp.VIEW);

  private OperationCheck() {}

  /**
   * Checks one node of a graph, whether or not it has the compute flag.
   *
   * @param node index in the list of nodes
   * @throws RpcProtocolException naming operation, node, field, value and limit
   */
  public static void check(ComputeGraph graph, int node) {
    int index = graph.nodeIndex(node);
    check(
        graph.tensor(index),
        i -> {
          int source = graph.sourceIndex(index, i);
          return source < 0 ? null : graph.tensor(source);
        });
  }

  /**
   * Checks a result with its operands outside of a graph, as {@code GET_ALLOC_SIZE} has them.
   *
   * @param sources up to ten operands, {@link RpcTensor#isNull} where there is none
   * @throws RpcProtocolException as {@link #check(ComputeGraph, int)}
   */
  public static void check(RpcTensor result, List<RpcTensor> sources) {
    check(
        result,
        i -> {
          RpcTensor source = i < sources.size() ? sources.get(i) : null;
          return source == null || source.isNull() ? null : source;
        });
  }

  private static void check(RpcTensor result, IntFunction<@Nullable RpcTensor> sourceAt) {
    TensorOp op = TensorOp.ofCode(result.op()).orElse(null);
    Rule rule = op == null ? null : RULES.get(op);
    if (op == null || rule == null) {
      throw new RpcProtocolException(
          UNSUPPORTED_OP,
          "Operation %s of node '%s' is not computed here"
              .formatted(
                  op == null ? Integer.toUnsignedString(result.op()) : op,
                  Names.printable(result.name())));
    }
    Operation operation = new Operation(op, result, sourceAt);
    rule.check(operation);
    if (!JOINS.contains(op)) {
      operation.requireFullOperands();
    }
  }

  /** Every operation but those whose parameters are addresses of functions. */
  private static Map<TensorOp, Rule> rules() {
    Map<TensorOp, Rule> rules = new EnumMap<>(TensorOp.class);
    ShapeRules.fill(rules);
    ElementwiseRules.fill(rules);
    ReductionRules.fill(rules);
    MatrixRules.fill(rules);
    RowRules.fill(rules);
    ConvolutionRules.fill(rules);
    ImageRules.fill(rules);
    AttentionRules.fill(rules);
    StateSpaceRules.fill(rules);
    return rules;
  }
}
