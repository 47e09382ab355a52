// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.ggml.TensorDescription;
import dev.knarr.rpc.tensor.RpcTensor;

/** Turns descriptors from the wire, already checked, into ggml's. */
public final class TensorDescriptions {
  private TensorDescriptions() {}

  public static TensorDescription of(RpcTensor tensor) {
    return TensorDescription.of(
        tensor.type(),
        new long[] {tensor.ne(0), tensor.ne(1), tensor.ne(2), tensor.ne(3)},
        new long[] {tensor.nb(0), tensor.nb(1), tensor.nb(2), tensor.nb(3)},
        tensor.op(),
        tensor.opParams().toArray());
  }
}
