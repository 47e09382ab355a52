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
@ValidationRule(
    value = "self.mode != 'Tensor' || self.output != 'Head'",
    message = Sentences.SPLIT_OUTPUT,
    fieldPath = ".output")
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

  /**
   * Where the output layer is, whose logits for the whole vocabulary cross the network otherwise:
   * Layers puts it with the last layers; Head on the head, so that an activation crosses instead:
   * on its GPU where one is last in devices, otherwise on its CPU, which takes memory there for the
   * layer and time to read it for each token. Auto takes the head's CPU where that is measured to
   * be faster for every request. Default Auto. A change restarts the head.
   */
  @Default("Auto")
  private @Nullable OutputPlacement output;

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

  public @Nullable OutputPlacement getOutput() {
    return output;
  }

  public void setOutput(@Nullable OutputPlacement output) {
    this.output = output;
  }
}
