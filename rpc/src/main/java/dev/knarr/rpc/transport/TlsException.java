// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.transport;

import java.io.IOException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertPathValidatorException.BasicReason;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.time.Duration;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * TLS with a peer did not come about, or broke. The message is the end of a sentence that begins
 * with the peer, and says the remedy.
 */
public final class TlsException extends IOException {
  private static final long serialVersionUID = 1L;

  /** How the JDK reports what the peer has told us. */
  private static final String ALERT = "(?s).*Received fatal alert: (\\w+).*";

  private final TlsFault fault;

  private TlsException(TlsFault fault, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.fault = fault;
  }

  /** What was wrong. */
  public TlsFault fault() {
    return fault;
  }

  static TlsException plainPeer(boolean client) {
    return new TlsException(
        TlsFault.PLAIN_PEER,
        client
            ? "does not speak TLS. Start it with --tls-cert and --tls-key, or leave --tls-ca out"
            : "does not speak TLS, which this port wants. Give it the CA (knarr up --tls-ca), or let a stock program go through a head",
        null);
  }

  static TlsException gone(boolean client) {
    return new TlsException(
        TlsFault.GONE,
        client
            ? "closed the connection when asked for TLS: it is plain, or no worker. Start it with --tls-cert and --tls-key, or leave --tls-ca out"
            : "closed the connection during the TLS handshake",
        null);
  }

  static TlsException late(Duration limit) {
    return new TlsException(
        TlsFault.TIMEOUT,
        "did not finish the TLS handshake within %d s: it may be plain, or be no worker"
            .formatted(limit.toSeconds()),
        null);
  }

  /** Finds the reason in what the JDK throws. */
  static TlsException of(SSLException e, SSLEngine engine) {
    boolean client = engine.getUseClientMode();
    String text = String.valueOf(e.getMessage());
    if (text.matches(ALERT)) {
      return alerted(text.replaceFirst(ALERT, "$1"), client, e);
    }
    if (text.contains("unrecognized SSL message")) {
      return plainPeer(client);
    }
    if (text.contains("Empty client certificate chain")) {
      return new TlsException(
          TlsFault.NO_CERTIFICATE,
          "has shown no certificate, and --tls-client-ca demands one. Give it one that this CA has signed (knarr up --tls-cert --tls-key)",
          e);
    }
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      String why = String.valueOf(cause.getMessage());
      switch (cause) {
        case CertificateExpiredException _ -> {
          return outOfDate("expired (" + why + ")", e);
        }
        case CertificateNotYetValidException _ -> {
          return outOfDate("not valid yet (" + why + "): compare the clocks", e);
        }
        case CertPathValidatorException path when path.getReason() == BasicReason.EXPIRED -> {
          return outOfDate("expired (" + why + ")", e);
        }
        default -> {
          if (why.startsWith("No subject alternative") || why.startsWith("No name matching")) {
            return new TlsException(
                TlsFault.WRONG_HOST,
                "has a certificate that is not for %s (%s). Make one that is (knarr certs %1$s), or use the name it was made for"
                    .formatted(engine.getPeerHost(), why),
                e);
          }
          if (why.contains("xtended key usage")) {
            return new TlsException(
                TlsFault.WRONG_USE,
                "has a certificate that must not be used by a TLS %s (%s). Make one that may (knarr certs)"
                    .formatted(client ? "server" : "client", why),
                e);
          }
        }
      }
    }
    return general(text, client, e);
  }

  private static TlsException general(String text, boolean client, SSLException e) {
    if (text.contains("PKIX") || text.contains("trust")) {
      return new TlsException(
          TlsFault.UNKNOWN_AUTHORITY,
          "has a certificate that was not signed by the CA in %s"
              .formatted(
                  client
                      ? "--tls-ca. Give the ca.pem that its certificate was made with"
                      : "--tls-client-ca. Give it a certificate of this CA"),
          e);
    }
    if ((text.contains("protocol") && text.contains("version"))
        || text.contains("cipher suites in common")) {
      return new TlsException(
          TlsFault.NOTHING_IN_COMMON, "speaks no TLS 1.3 that suits (" + text + ")", e);
    }
    return new TlsException(TlsFault.BROKEN, "broke the TLS connection: " + text, e);
  }

  private static TlsException outOfDate(String how, SSLException e) {
    return new TlsException(
        TlsFault.EXPIRED, "has a certificate that is " + how + ". Renew it (knarr certs)", e);
  }

  private static TlsException alerted(String alert, boolean client, SSLException e) {
    return switch (alert) {
      case "unexpected_message" -> plainPeer(client);
      case "certificate_required" ->
          new TlsException(
              TlsFault.NO_CERTIFICATE,
              "wants a client certificate. Give one with --tls-cert and --tls-key",
              e);
      case "protocol_version", "handshake_failure", "insufficient_security" ->
          new TlsException(
              TlsFault.NOTHING_IN_COMMON, "speaks no TLS 1.3 that suits (" + alert + ")", e);
      default ->
          new TlsException(
              TlsFault.REFUSED_BY_PEER,
              client
                  ? "refuses our certificate (%s): see its log. Its --tls-client-ca must be the CA that signed --tls-cert"
                      .formatted(alert)
                  : "refuses this worker's certificate (%s): see its log. Its --tls-ca must be the CA that signed --tls-cert, which must be for the host it asked for"
                      .formatted(alert),
              e);
    };
  }
}
