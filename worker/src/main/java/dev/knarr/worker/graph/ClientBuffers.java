// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.worker.device.DeviceBuffer;

/** The buffers of a connection, by the handles and addresses that its client knows. */
public interface ClientBuffers extends TensorPlaces {
  /**
   * A buffer by its handle.
   *
   * @throws RpcProtocolException if the connection has no such buffer
   */
  DeviceBuffer get(long handle);

  /**
   * Where the addresses of a buffer begin.
   *
   * @throws RpcProtocolException if the connection has no such buffer
   */
  long address(long handle);
}
