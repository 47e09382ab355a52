// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.OptionalInt;

/**
 * What the user fixed for one device. Immutable.
 *
 * @param name the device: {@code cpu-0/0}
 * @param layers how many layers it takes; empty lets the planner decide
 */
public record DeviceLayers(String name, OptionalInt layers) {
  /** A device with a fixed number of layers. */
  public static DeviceLayers of(String name, int layers) {
    return new DeviceLayers(name, OptionalInt.of(layers));
  }

  /** Whether it is a device of the head, which can take the output layer without others. */
  public boolean onHead() {
    return name.startsWith(WireStop.HEAD + "/");
  }
}
