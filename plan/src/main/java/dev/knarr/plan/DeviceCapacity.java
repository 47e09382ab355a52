// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

/**
 * One device that answered. Immutable.
 *
 * @param name its name in the cluster: {@code cpu-0/0}
 * @param description what it is: {@code NVIDIA A100}
 * @param freeBytes what may be allocated on it
 * @param totalBytes what it has
 */
public record DeviceCapacity(String name, String description, long freeBytes, long totalBytes) {
  /** Free memory may not be negative. */
  public DeviceCapacity {
    if (freeBytes < 0) {
      throw new IllegalArgumentException("Free memory of " + name + " is negative: " + freeBytes);
    }
  }
}
