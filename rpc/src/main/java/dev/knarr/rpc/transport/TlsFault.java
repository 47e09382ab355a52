// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.transport;

import java.util.Locale;

/** Why a TLS connection did not come about; logs and metrics share this list. */
public enum TlsFault {
  /** The peer does not speak TLS. */
  PLAIN_PEER,
  /** The peer closed the connection before the handshake was done. */
  GONE,
  /** The handshake was not done in time. */
  TIMEOUT,
  /** The peer has no certificate, and must have one. */
  NO_CERTIFICATE,
  /** The peer's certificate was not signed by the CA. */
  UNKNOWN_AUTHORITY,
  /** The peer's certificate is not valid any more, or not yet. */
  EXPIRED,
  /** The server's certificate is for other hosts. */
  WRONG_HOST,
  /** The peer's certificate must not be used for this. */
  WRONG_USE,
  /** No version of TLS or no cipher that both sides know. */
  NOTHING_IN_COMMON,
  /** The peer did not want us. */
  REFUSED_BY_PEER,
  /** Anything else that is not TLS as it should be. */
  BROKEN;

  private final String metricName = name().toLowerCase(Locale.ROOT);

  /** The lower-case name used as a metric tag, for instance {@code unknown_authority}. */
  public String metricName() {
    return metricName;
  }
}
