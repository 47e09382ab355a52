// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import java.util.Locale;

/** Why weights that arrived were not kept. */
public enum CacheDrop {
  /** The disk is full. */
  DISK_FULL,
  /** The budget is taken by what was used lately. */
  OVER_BUDGET,
  /** The disk could not keep up with the network. */
  DISK_SLOW,
  /** Anything else, such as a folder that has become read-only. */
  FAILED;

  /** The lower-case name used as a metric tag, for instance {@code disk_full}. */
  public String metricName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
