// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.RpcTensor;
import java.util.HashMap;
import java.util.Map;

/**
 * The buffers of all workers that one client has, by the handles it knows. Handles and addresses of
 * workers collide, so the client gets others. The client's thread only.
 */
final class BufferMap {
  /** Far more than any device has, so that no two buffers overlap. */
  private static final long SPACING = 1L << 40;

  private final Map<Long, RoutedBuffer> buffers = new HashMap<>();
  private long lastHandle;
  private long nextBase = SPACING;

  /** Takes a worker's buffer in. */
  RoutedBuffer add(
      WorkerLink link, int device, long handle, long base, long bytes, boolean adopted) {
    var buffer =
        new RoutedBuffer(link, device, handle, base, bytes, ++lastHandle, nextBase, adopted);
    buffers.put(lastHandle, buffer);
    nextBase += (bytes / SPACING + 1) * SPACING;
    return buffer;
  }

  /**
   * A buffer by a handle that may be anything.
   *
   * @throws RpcProtocolException UNKNOWN_BUFFER
   */
  RoutedBuffer get(long handle) {
    var buffer = buffers.get(handle);
    if (buffer == null) {
      throw new RpcProtocolException(
          ProtocolFault.UNKNOWN_BUFFER,
          "buffer 0x%x is not one of this connection's %d".formatted(handle, buffers.size()));
    }
    return buffer;
  }

  /** The buffer that a tensor lies in, which must be in one. */
  RoutedBuffer of(RpcTensor tensor) {
    return get(tensor.buffer());
  }

  RoutedBuffer remove(long handle) {
    var buffer = get(handle);
    buffers.remove(handle);
    return buffer;
  }

  /** A tensor for a worker, which must not see what lies on others. */
  RpcTensor forWorker(RpcTensor tensor, WorkerLink link) {
    if (tensor.buffer() == 0) {
      return tensor;
    }
    var buffer = of(tensor);
    return buffer.link() == link
        ? buffer.toWorker(tensor)
        : tensor.toBuilder().buffer(0).data(0).build();
  }
}
