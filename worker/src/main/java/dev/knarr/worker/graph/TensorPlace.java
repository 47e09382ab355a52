// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.worker.device.DeviceBuffer;

/**
 * Where a tensor lies: {@code bytes} bytes from {@code offset} of {@code buffer}, checked to be
 * inside it.
 */
public record TensorPlace(DeviceBuffer buffer, long offset, long bytes) {
  /** The first byte behind the tensor. */
  long end() {
    return offset + bytes;
  }

  /** Whether a write to {@code other} may change this tensor. */
  boolean overlaps(TensorPlace other) {
    return buffer == other.buffer && offset < other.end() && other.offset < end();
  }
}
