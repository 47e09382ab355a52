// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How the model is placed on devices. */
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "self.mode != 'Tensor' || !has(self.devices) || self.devices.all(d, !has(d.layers))",
    message = Sentences.SPLIT_TENSOR,
    fieldPath = ".mode")
public class SplitSpec {
  /**
   * Layer gives each device whole layers; Tensor cuts every layer over one device of each of two
   * workers, which takes a fast network. Default Layer. A change restarts the head.
   */
  @Default("Layer")
  private @Nullable SplitMode mode;

  /**
   * The devices to use, in order, at most 14, all with layers or all without. Default: all devices,
   * planned by free memory. A change restarts the head.
   */
  @Size(max = 64)
  @ValidationRule(value = "self.size() <= 14", message = Sentences.SPLIT_COUNT)
  @ValidationRule(
      value = "self.all(a, !has(a.name) || self.exists_one(b, has(b.name) && b.name == a.name))",
      message = Sentences.SPLIT_UNIQUE)
  @ValidationRule(
      value = "self.all(d, has(d.layers)) || self.all(d, !has(d.layers))",
      message = Sentences.SPLIT_ALL_OR_NONE)
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
