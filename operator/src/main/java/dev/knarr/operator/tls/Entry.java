// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.tls;

import dev.knarr.certs.Authority;
import dev.knarr.certs.KeyedCertificate;
import dev.knarr.certs.PemException;
import dev.knarr.operator.ClusterNames;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/**
 * A certificate with its key in a Secret, as the texts that are there: what stays is written again
 * to the byte. Immutable; its text has no secrets.
 */
record Entry(String certificateText, String keyText, KeyedCertificate parsed) {
  /** Subject alternative names of this kind are DNS names (RFC 5280, 4.2.1.6). */
  private static final Integer DNS = 2;

  static Entry of(KeyedCertificate made) {
    return new Entry(made.certificatePem(), made.keyPem(), made);
  }

  /** What the Secret holds of this name; empty when it is missing, damaged or no pair. */
  static Optional<Entry> read(Map<String, String> data, String name) {
    var certificate = data.get(ClusterNames.certificate(name));
    var key = data.get(ClusterNames.key(name));
    if (certificate == null || key == null) {
      return Optional.empty();
    }
    try {
      return Optional.of(new Entry(certificate, key, KeyedCertificate.parse(certificate, key)));
    } catch (PemException _) {
      return Optional.empty();
    }
  }

  void writeTo(Map<String, String> data, String name) {
    data.put(ClusterNames.certificate(name), certificateText);
    data.put(ClusterNames.key(name), keyText);
  }

  X509Certificate certificate() {
    return parsed.certificate();
  }

  Instant made() {
    return parsed.made();
  }

  Instant expires() {
    return parsed.expires();
  }

  boolean isFor(List<String> dnsNames) {
    var found = new TreeSet<String>();
    try {
      Collection<List<?>> names = certificate().getSubjectAlternativeNames();
      if (names != null) {
        names.stream()
            .filter(name -> DNS.equals(name.getFirst()))
            .forEach(name -> found.add(String.valueOf(name.get(1))));
      }
    } catch (CertificateParsingException _) {
      return false;
    }
    return found.equals(new TreeSet<>(dnsNames));
  }

  boolean isSignedBy(X509Certificate authority) {
    return Authority.hasSigned(authority, certificate());
  }

  @Override
  public String toString() {
    return parsed.toString();
  }
}
