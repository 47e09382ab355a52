// SPDX-License-Identifier: Apache-2.0
package dev.knarr.certs;

import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.time.Instant;

/**
 * A certificate and the key that belongs to it. Immutable; its text has no secrets.
 *
 * @param certificate what is shown to others
 * @param key what never leaves its owner
 */
public record KeyedCertificate(X509Certificate certificate, PrivateKey key) {
  /**
   * Reads both.
   *
   * @throws PemException when one of them is damaged, or the key is of another certificate
   */
  public static KeyedCertificate parse(String certificate, String key) {
    var parsed = new KeyedCertificate(Pem.certificates(certificate).getFirst(), Pem.key(key));
    if (!parsed.isPair()) {
      throw new PemException("is the key of another certificate");
    }
    return parsed;
  }

  private boolean isPair() {
    byte[] sample = {1, 2, 3, 4};
    try {
      var signature =
          Signature.getInstance(
              switch (certificate.getPublicKey().getAlgorithm()) {
                case "RSA" -> "SHA256withRSA";
                case "EC" -> "SHA256withECDSA";
                case String other -> other;
              });
      signature.initSign(key);
      signature.update(sample);
      byte[] signed = signature.sign();
      signature.initVerify(certificate.getPublicKey());
      signature.update(sample);
      return signature.verify(signed);
    } catch (GeneralSecurityException _) {
      return false;
    }
  }

  /** Both keys. */
  public KeyPair keys() {
    return new KeyPair(certificate.getPublicKey(), key);
  }

  /** When it was made, to the second; only right for what {@link Authority} has made. */
  public Instant made() {
    return Authority.made(certificate);
  }

  /** When it ends. */
  public Instant expires() {
    return certificate.getNotAfter().toInstant();
  }

  /** The certificate as text. */
  public String certificatePem() {
    return Pem.of(certificate);
  }

  /** The key as text. */
  public String keyPem() {
    return Pem.of(key);
  }

  @Override
  public String toString() {
    return certificate.getSubjectX500Principal() + " until " + expires();
  }
}
