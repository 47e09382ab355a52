// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import java.util.Locale;

/** Why a link between two workers did not come about; logs and metrics share this list. */
public enum LinkFault {
  /** An address or a port that no worker has, or that this client has no business with. */
  NOT_ALLOWED,
  /** This worker speaks TLS and knows no CA by which it could trust another worker. */
  NO_AUTHORITY,
  /** As many clients as may be are joining already. */
  BUSY,
  /** The port on which the other was to connect could not be opened. */
  PORT_TAKEN,
  /** No other worker came, or could be reached, in time. */
  NO_PEER;

  private final String metricName = name().toLowerCase(Locale.ROOT);

  /** The lower-case name used as a metric tag, for instance {@code no_peer}. */
  public String metricName() {
    return metricName;
  }
}
