// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import java.util.Locale;

/** Where the data of a hash was found. */
public enum CacheTier {
  /** In the cache folder. */
  FILE,
  /** In a local model file named by {@code --seed}. */
  SEED,
  /** In memory of a device of this worker. */
  MEMORY,
  /** In the buffer that it was asked for in, which a router had left. */
  PARKED;

  /** The lower-case name used as a metric tag. */
  public String metricName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
