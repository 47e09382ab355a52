// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import java.util.Locale;

/** Why data that seemed to be there was not used. */
public enum CacheFault {
  /** A file is shorter or longer than it must be. */
  TRUNCATED,
  /** The end of a cached file, which holds its digests, is damaged or belongs to other data. */
  BAD_TRAILER,
  /** The data is not what was stored or indexed. */
  WRONG_BYTES,
  /** A seed file was changed since it was indexed. */
  CHANGED,
  /** The system could not read it. */
  UNREADABLE;

  /** The lower-case name used as a metric tag, for instance {@code wrong_bytes}. */
  public String metricName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
