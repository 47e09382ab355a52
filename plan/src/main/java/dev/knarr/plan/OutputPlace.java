// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

/** Where the output layer is wanted, which makes logits of what the last layer has computed. */
public enum OutputPlace {
  /** Where the plan finds it best. */
  AUTO,
  /** With the last layers. */
  LAYERS,
  /**
   * On the head: on its GPU where one is the last of the devices that are named, otherwise on its
   * CPU.
   */
  HEAD
}
