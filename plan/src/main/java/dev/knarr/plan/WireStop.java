// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.List;

/**
 * A device on the way of a token. Immutable.
 *
 * @param worker whose device it is; {@link #HEAD} for one of the head's own
 * @param layers whether it has layers, or the output alone
 */
public record WireStop(String worker, boolean layers) {
  /** The name of the head among workers, none of which may have it. */
  public static final String HEAD = "head";

  /** Whether it is a device of the head. */
  boolean onHead() {
    return worker.equals(HEAD);
  }

  /**
   * The way of a token through a plan: all devices that take something, in order. A device without
   * a worker in its name is one by itself.
   */
  public static List<WireStop> of(SplitPlan plan) {
    return plan.devices().stream()
        .filter(device -> device.positions() > 0)
        .map(device -> new WireStop(workerOf(device.name()), device.layers() > 0))
        .toList();
  }

  private static String workerOf(String device) {
    int slash = device.lastIndexOf('/');
    return slash < 0 ? device : device.substring(0, slash);
  }
}
