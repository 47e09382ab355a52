// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.relay;

import dev.knarr.rpc.tensor.RpcTensor;

/**
 * Hears what a relay finds out. Called on the threads of connections, so it must be fast and must
 * not block.
 */
public interface RelayListener {

  /**
   * The worker refused a connection, closed one that the client still used, or broke it.
   *
   * @param worker its name
   * @param how what happened, as the end of a sentence that begins with the worker's name
   */
  void workerFailed(String worker, String how);

  /**
   * A tensor's data has gone to the worker, or the worker had it.
   *
   * @param worker its name
   * @param device position of the device on that worker, or -1 when its buffer is unknown
   * @param tensor the tensor's name
   * @param bytes bytes of data
   * @param known whether the worker had them, so that nothing but their hash was sent
   */
  void tensorSet(String worker, int device, String tensor, long bytes, boolean known);

  /**
   * A tensor's data was asked for.
   *
   * @param worker its name
   * @param tensor the tensor
   */
  void tensorRead(String worker, RpcTensor tensor);

  /**
   * The worker has no link to the other worker of a tensor split; llama-server exchanges partial
   * sums itself.
   *
   * @param worker its name
   */
  void linkFailed(String worker);

  /**
   * A worker cannot reach another one, so what it has for it goes over the head.
   *
   * @param from its name
   * @param to the other's name
   */
  void detour(String from, String to);
}
