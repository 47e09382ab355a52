// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.RpcTensor;

/**
 * A buffer of a worker under the handle and address that the client knows. The client's thread
 * only.
 */
final class RoutedBuffer {
  private final WorkerLink link;
  private final int device;
  private final long handle;
  private final long base;
  private final long bytes;
  private final long ownHandle;
  private final long ownBase;
  private final boolean adopted;
  private boolean cleared;

  /**
   * A buffer.
   *
   * @param link to its worker
   * @param device number of its device there
   * @param handle the worker's
   * @param base the worker's address of it
   * @param ownHandle the client's
   * @param ownBase the client's address of it
   * @param adopted whether the worker has parked it, with what may be this client's weights
   */
  RoutedBuffer(
      WorkerLink link,
      int device,
      long handle,
      long base,
      long bytes,
      long ownHandle,
      long ownBase,
      boolean adopted) {
    this.link = link;
    this.device = device;
    this.handle = handle;
    this.base = base;
    this.bytes = bytes;
    this.ownHandle = ownHandle;
    this.ownBase = ownBase;
    this.adopted = adopted;
  }

  WorkerLink link() {
    return link;
  }

  int device() {
    return device;
  }

  long handle() {
    return handle;
  }

  long ownHandle() {
    return ownHandle;
  }

  long ownBase() {
    return ownBase;
  }

  boolean isAdopted() {
    return adopted;
  }

  /** The client has cleared it, as it does with caches. */
  void clear() {
    cleared = true;
  }

  boolean wasCleared() {
    return cleared;
  }

  /** A tensor that lies here, in the worker's terms. */
  RpcTensor toWorker(RpcTensor tensor) {
    return tensor.toBuilder().buffer(handle).data(tensor.data() - ownBase + base).build();
  }

  /**
   * Some bytes of a tensor that lies here.
   *
   * @throws RpcProtocolException OUT_OF_RANGE when they are not inside the buffer
   */
  Range range(RpcTensor tensor, long offset, long count) {
    long at = tensor.data() - ownBase;
    if (at < 0 || at > bytes || offset > bytes - at || count > bytes - at - offset) {
      throw new RpcProtocolException(
          ProtocolFault.OUT_OF_RANGE,
          "%d bytes at offset %d of tensor %s are outside its buffer of %d bytes"
              .formatted(count, offset, tensor, bytes));
    }
    return new Range(handle, at + offset, count);
  }
}
