// SPDX-License-Identifier: Apache-2.0
package dev.knarr.certs;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.security.PrivateKey;
import java.security.cert.CertificateEncodingException;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemWriter;

/** Certificates and keys as text (RFC 7468). The same content is always the same text. */
public final class Pem {
  private Pem() {}

  /** One certificate. */
  public static String of(X509Certificate certificate) {
    return bundle(List.of(certificate));
  }

  /** Certificates one after the other, such as all CAs that are trusted. */
  public static String bundle(List<X509Certificate> certificates) {
    var text = new StringBuilder();
    for (var certificate : certificates) {
      try {
        text.append(block("CERTIFICATE", certificate.getEncoded()));
      } catch (CertificateEncodingException e) {
        throw new IllegalArgumentException("A certificate without an encoding", e);
      }
    }
    return text.toString();
  }

  /** A key, not encrypted (PKCS#8). */
  public static String of(PrivateKey key) {
    return block("PRIVATE KEY", key.getEncoded());
  }

  private static String block(String label, byte[] content) {
    var text = new StringWriter();
    try (var writer = new PemWriter(text)) {
      writer.writeObject(new PemObject(label, content));
    } catch (IOException e) {
      throw new IllegalStateException("A text cannot be written", e);
    }
    return text.toString();
  }

  /**
   * All certificates of a text, in their order; anything else in it is passed over.
   *
   * @throws PemException when one is damaged, or there is none
   */
  public static List<X509Certificate> certificates(String text) {
    var certificates = new ArrayList<X509Certificate>();
    try {
      for (var block : blocks(text)) {
        if (block instanceof X509CertificateHolder holder) {
          certificates.add(new JcaX509CertificateConverter().getCertificate(holder));
        }
      }
    } catch (CertificateException e) {
      throw new PemException("is damaged: " + e.getMessage(), e);
    }
    if (certificates.isEmpty()) {
      throw new PemException("holds no certificate");
    }
    return certificates;
  }

  /**
   * The first key of a text.
   *
   * @throws PemException when it is damaged, or there is none that is not encrypted
   */
  public static PrivateKey key(String text) {
    for (var block : blocks(text)) {
      if (block instanceof PrivateKeyInfo info) {
        try {
          return new JcaPEMKeyConverter().getPrivateKey(info);
        } catch (IOException e) {
          throw new PemException("is damaged: " + e.getMessage(), e);
        }
      }
    }
    throw new PemException("holds no key (-----BEGIN PRIVATE KEY-----)");
  }

  private static List<Object> blocks(String text) {
    var blocks = new ArrayList<Object>();
    try (var parser = new PEMParser(new StringReader(text))) {
      for (var block = parser.readObject(); block != null; block = parser.readObject()) {
        blocks.add(block);
      }
      return blocks;
    } catch (IOException | RuntimeException e) {
      // Damaged base64 is a RuntimeException of BouncyCastle.
      throw new PemException("is damaged: " + e.getMessage(), e);
    }
  }
}
