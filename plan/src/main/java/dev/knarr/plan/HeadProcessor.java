// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.function.DoubleSupplier;

/**
 * The head's own processor, which can take the output layer. What it costs there is a low estimate:
 * its weights, read once for each token, and its logits, passed on over loopback.
 *
 * @param freeBytes memory that it may use
 * @param readBytesPerSecond how fast it reads memory, positive; asked for only where it decides
 *     something, since it has to be measured
 */
public record HeadProcessor(long freeBytes, DoubleSupplier readBytesPerSecond) {
  /** Its name among the devices of a plan. */
  public static final String DEVICE = WireStop.HEAD + "/cpu";

  private static final String DESCRIPTION = "CPU of the head";

  /** What loopback was seen to carry from one process to another on two slow cores. */
  private static final double LOOPBACK_BYTES_PER_SECOND = 2e9;

  private static final double MICROS_PER_SECOND = 1_000_000;

  /** It as a device. */
  public DeviceCapacity capacity() {
    return new DeviceCapacity(DEVICE, DESCRIPTION, freeBytes, freeBytes);
  }

  /**
   * What the output layer takes of each token.
   *
   * @param outputBytes its weights
   */
  double micros(WireShape shape, long outputBytes) {
    return (outputBytes / readBytesPerSecond.getAsDouble()
            + shape.logitBytes() / LOOPBACK_BYTES_PER_SECOND)
        * MICROS_PER_SECOND;
  }
}
