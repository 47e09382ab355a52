// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

/** Whether attention is computed by the fused kernel, as llama-server's {@code --flash-attn}. */
public enum FlashAttention {
  /** llama-server decides by what the devices can do; planned as on. */
  AUTO,
  ON,
  /** Needs memory for all attention scores and a cache of values that is not quantised. */
  OFF
}
