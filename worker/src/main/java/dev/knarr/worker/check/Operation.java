// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.SIZE_OVERFLOW;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.OpParams;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * One operation as a rule sees it: the result, up to ten operands and the parameters. Making one
 * already proves what every operation needs of every operand (see {@link Operand}). One thread.
 */
final class Operation {
  private final TensorOp op;
  private final RpcTensor node;
  private final OpParams params;
  private final Operand result;
  private final List<@Nullable Operand> sources = new ArrayList<>(RpcTensor.MAX_SOURCES);

  /**
   * @param sourceAt the operand's descriptor, or null where there is none
   */
  Operation(TensorOp op, RpcTensor node, IntFunction<@Nullable RpcTensor> sourceAt) {
    this.op = op;
    this.node = node;
    this.params = node.opParams();
    this.result = new Operand(this, node, -1);
    for (int i = 0; i < RpcTensor.MAX_SOURCES; i++) {
      RpcTensor source = sourceAt.apply(i);
      sources.add(source == null ? null : new Operand(this, source, i));
    }
  }

  TensorOp op() {
    return op;
  }

  Operand result() {
    return result;
  }

  /** An operand the kernels use without asking. */
  Operand source(int index) {
    Operand source = sources.get(index);
    if (source == null) {
      throw refuse(BAD_GRAPH, "operand %d is missing".formatted(index));
    }
    return source;
  }

  /** An operand the kernels can do without. */
  @Nullable Operand optionalSource(int index) {
    return sources.get(index);
  }

  /** A result with elements has operands with elements: kernels look at the result's extents. */
  void requireFullOperands() {
    if (!result.empty()) {
      for (Operand source : sources) {
        if (source != null) {
          source.notEmpty();
        }
      }
    }
  }

  int param(int index) {
    return params.get(index);
  }

  float floatParam(int index) {
    return params.getFloat(index);
  }

  /** A whole-number parameter within a range, both ends included. */
  int param(int index, long least, long most, String what) {
    int value = params.get(index);
    if (value < least || value > most) {
      throw refuse(
          BAD_FIELD,
          "op_params[%d], %s, is %d; it must be %d to %d"
              .formatted(index, what, value, least, most));
    }
    return value;
  }

  /** A float parameter that must not be negative or NaN. */
  void notNegative(int index, String what) {
    float value = params.getFloat(index);
    if (!(value >= 0)) {
      throw refuse(
          BAD_FIELD,
          "op_params[%d], %s, is %s; it must be 0 or more".formatted(index, what, value));
    }
  }

  /** A product of non-negative numbers. */
  long product(long... factors) {
    long product = 1;
    try {
      for (long factor : factors) {
        product = Math.multiplyExact(product, factor);
      }
    } catch (ArithmeticException _) {
      throw refuse(SIZE_OVERFLOW, "a product of its extents and parameters leaves 63 bits");
    }
    return product;
  }

  /** The exception that closes the connection; the text follows the operation and the name. */
  RpcProtocolException refuse(ProtocolFault fault, String problem) {
    return new RpcProtocolException(
        fault, "%s node '%s': %s".formatted(op, Names.printable(node.name()), problem));
  }
}
