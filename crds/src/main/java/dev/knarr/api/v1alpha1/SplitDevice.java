// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** One device of a fixed split. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class SplitDevice {
  /**
   * The device: GROUP-INDEX/DEVICE such as a100-0/1, or head/0 for one of the head's own, before or
   * after all others. Required.
   */
  @Required
  @Size(max = 63)
  private @Nullable String name;

  /**
   * How many layers it takes; the output layer goes with the last, or alone to a device of the head
   * that is last with 0. Default: planned.
   */
  @ValidationRule(value = "self >= 0 && self <= 4096", message = Sentences.SPLIT_LAYERS)
  private @Nullable Integer layers;

  public @Nullable String getName() {
    return name;
  }

  public void setName(@Nullable String name) {
    this.name = name;
  }

  public @Nullable Integer getLayers() {
    return layers;
  }

  public void setLayers(@Nullable Integer layers) {
    this.layers = layers;
  }
}
