// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import java.util.Locale;

/** What kind of thing went wrong with ggml; used in exceptions, log lines and metrics. */
public enum GgmlFault {
  /** No libggml where one was asked for. */
  LIBRARY_NOT_FOUND,
  /** The library is there and does not load, or another one is loaded already. */
  LIBRARY_NOT_LOADED,
  /** The loaded library's structures or tables are not those this program was written for. */
  LIBRARY_MISMATCH,
  /** The library brought no device. */
  NO_DEVICE,
  /** A device cannot give the memory asked for. */
  OUT_OF_MEMORY,
  /** A device cannot be opened, or a call into its backend failed. */
  BACKEND_FAILED,
  /** A graph's nodes are not in an order that can be computed, or its tensors are incomplete. */
  BAD_GRAPH,
  /** The backend computed a graph and reported a failure. */
  COMPUTE_FAILED,
  /** The backend was told to stop. */
  STOPPED;

  /** The name used as a tag of metrics. */
  public String metricName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
