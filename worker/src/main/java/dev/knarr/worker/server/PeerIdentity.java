// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.transport.TlsChannel;
import java.net.InetAddress;
import java.nio.channels.ByteChannel;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.Comparator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.SSLPeerUnverifiedException;

/**
 * Who a client is, for what outlives its connection: whom its certificate was made out to, by whom
 * and under which names, so that it stays the same when the certificate is renewed; its address
 * where it has shown none.
 */
final class PeerIdentity {
  private PeerIdentity() {}

  static String of(ByteChannel channel, InetAddress address) {
    if (channel instanceof TlsChannel tls) {
      try {
        if (tls.engine().getSession().getPeerCertificates()[0] instanceof X509Certificate shown) {
          return "certificate " + of(shown);
        }
      } catch (SSLPeerUnverifiedException _) {
        // This worker asks for none.
      }
    }
    return "address " + address.getHostAddress();
  }

  private static String of(X509Certificate certificate) {
    return "%s by %s for %s"
        .formatted(
            certificate.getSubjectX500Principal().getName(),
            certificate.getIssuerX500Principal().getName(),
            names(certificate).sorted(Comparator.naturalOrder()).collect(Collectors.toList()));
  }

  private static Stream<String> names(X509Certificate certificate) {
    try {
      var names = certificate.getSubjectAlternativeNames();
      return names == null ? Stream.empty() : names.stream().map(String::valueOf);
    } catch (CertificateParsingException e) {
      throw new IllegalStateException("A certificate that was trusted cannot be read", e);
    }
  }
}
