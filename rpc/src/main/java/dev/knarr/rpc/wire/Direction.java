// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import java.util.Locale;

/** Which way a frame goes. */
public enum Direction {
  /** From client to server. */
  REQUEST,
  /** From server to client. */
  RESPONSE;

  private final String metricName = name().toLowerCase(Locale.ROOT);

  /** The lower-case name used as a metric tag. */
  public String metricName() {
    return metricName;
  }
}
