// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

/**
 * How ggml places CPU threads on a machine with several memory nodes: llama.cpp's {@code --numa}.
 */
public enum NumaMode {
  /** Threads evenly over all nodes. */
  DISTRIBUTE(1),
  /** Threads on the node where the process started. */
  ISOLATE(2),
  /** As {@code numactl} has set it up. */
  NUMACTL(3);

  private final int code;

  NumaMode(int code) {
    this.code = code;
  }

  /** ggml's number, of its enum {@code ggml_numa_strategy}. */
  int code() {
    return code;
  }
}
