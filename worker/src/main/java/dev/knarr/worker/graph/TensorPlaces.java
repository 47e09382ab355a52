// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.RpcTensor;
import org.jspecify.annotations.Nullable;

/** Finds the memory that a descriptor names, among the buffers of the connection it came from. */
@FunctionalInterface
public interface TensorPlaces {
  /**
   * The tensor's memory, or null for a descriptor without a buffer (it lies on another server).
   *
   * @throws RpcProtocolException if the buffer is unknown, or the tensor is not inside it
   */
  @Nullable TensorPlace of(RpcTensor tensor);
}
