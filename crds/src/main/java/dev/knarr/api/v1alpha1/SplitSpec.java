// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** How the model is placed on devices. */
public class SplitSpec {
  /**
   * Layer gives each device whole layers; Tensor cuts every layer over one device of each of two
   * workers, which takes a fast network. Default Layer. A change restarts the head.
   */
  private @Nullable SplitMode mode;

  /**
   * The devices to use, in order, at most 14, all with layers or all without. Default: all devices,
   * planned by free memory. A change restarts the head.
   */
  private @Nullable List<SplitDevice> devices;

  public @Nullable SplitMode getMode() {
    return mode;
  }

  public void setMode(@Nullable SplitMode mode) {
    this.mode = mode;
  }

  public @Nullable List<SplitDevice> getDevices() {
    return devices;
  }

  public void setDevices(@Nullable List<SplitDevice> devices) {
    this.devices = devices;
  }
}
