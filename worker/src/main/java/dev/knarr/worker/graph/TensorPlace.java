// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.worker.device.DeviceBuffer;

/**
 * Where a tensor lies: {@code bytes} bytes from {@code offset} of {@code buffer}, checked to be
 * inside it.
 */
public record TensorPlace(DeviceBuffer buffer, long offset, long bytes) {
  /**
   * The place of a tensor of so many bytes at an offset, which may be anything.
   *
   * @throws RpcProtocolException OUT_OF_RANGE if it is not inside the buffer
   */
  public static TensorPlace inside(DeviceBuffer buffer, long offset, long bytes, Object described) {
    if (offset < 0 || bytes < 0 || offset > buffer.bytes() || bytes > buffer.bytes() - offset) {
      throw new RpcProtocolException(
          ProtocolFault.OUT_OF_RANGE,
          "%s: %s bytes from offset %s are outside its buffer of %d bytes"
              .formatted(
                  described,
                  Long.toUnsignedString(bytes),
                  Long.toUnsignedString(offset),
                  buffer.bytes()));
    }
    return new TensorPlace(buffer, offset, bytes);
  }

  /** The first byte behind the tensor. */
  long end() {
    return offset + bytes;
  }

  /** Whether a write to {@code other} may change this tensor. */
  boolean overlaps(TensorPlace other) {
    return buffer == other.buffer && offset < other.end() && other.offset < end();
  }
}
