// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.ggml.TensorDescription;
import dev.knarr.rpc.tensor.OpParams;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;

/** Turns descriptors from the wire, already checked, into ggml's. */
public final class TensorDescriptions {
  private TensorDescriptions() {}

  /** With operation and parameters. */
  public static TensorDescription of(RpcTensor tensor) {
    return describe(tensor, tensor.op(), tensor.opParams().toArray());
  }

  /** As data: backends follow the operands of an operation, and here there are none. */
  public static TensorDescription plain(RpcTensor tensor) {
    return describe(tensor, TensorOp.NONE.code(), new int[OpParams.COUNT]);
  }

  private static TensorDescription describe(RpcTensor tensor, int op, int[] params) {
    return TensorDescription.of(
        tensor.type(),
        new long[] {tensor.ne(0), tensor.ne(1), tensor.ne(2), tensor.ne(3)},
        new long[] {tensor.nb(0), tensor.nb(1), tensor.nb(2), tensor.nb(3)},
        op,
        params);
  }
}
