// SPDX-License-Identifier: Apache-2.0
package dev.knarr.certs;

import java.io.IOException;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.stream.Stream;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * A CA: its own certificate and key, and what it signs with them. Keys are of EC P-256; what is
 * made begins an hour before, and nothing ends after its CA. Any thread.
 */
public final class Authority {
  /** Clocks of other machines may be late. */
  private static final Duration EARLIER = Duration.ofHours(1);

  private static final SecureRandom RANDOM = new SecureRandom();

  private final KeyedCertificate own;

  private Authority(KeyedCertificate own) {
    this.own = own;
  }

  /**
   * A new CA that signs leaf certificates only.
   *
   * @param name for people; a number is added, since two CAs of one name cannot be told apart
   */
  public static Authority make(String name, Instant now, Duration life) {
    var keys = newKeys();
    var subject = commonName("%s %016x".formatted(name, RANDOM.nextLong()));
    try {
      var builder = certificate(subject, keys.getPublic(), subject, now, now.plus(life));
      builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(0));
      builder.addExtension(
          Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
      builder.addExtension(
          Extension.subjectKeyIdentifier,
          false,
          new JcaX509ExtensionUtils().createSubjectKeyIdentifier(keys.getPublic()));
      return new Authority(new KeyedCertificate(signed(builder, keys), keys.getPrivate()));
    } catch (GeneralSecurityException | OperatorCreationException | IOException e) {
      throw impossible(e);
    }
  }

  /**
   * A CA made before.
   *
   * @throws PemException when the certificate is no CA's
   */
  public static Authority of(KeyedCertificate own) {
    if (own.certificate().getBasicConstraints() < 0) {
      throw new PemException("is no CA's certificate");
    }
    return new Authority(own);
  }

  /** The CA's own certificate, and its key. */
  public KeyedCertificate own() {
    return own;
  }

  /** What those who trust this CA know of it. */
  public X509Certificate certificate() {
    return own.certificate();
  }

  /** Whether this CA has signed it. */
  public static boolean hasSigned(X509Certificate authority, X509Certificate leaf) {
    if (!leaf.getIssuerX500Principal().equals(authority.getSubjectX500Principal())) {
      return false;
    }
    try {
      leaf.verify(authority.getPublicKey());
      return true;
    } catch (GeneralSecurityException _) {
      return false;
    }
  }

  /** When a certificate was made, to the second; only right for what this class has made. */
  public static Instant made(X509Certificate certificate) {
    return certificate.getNotBefore().toInstant().plus(EARLIER);
  }

  /** A certificate with a new key. */
  public KeyedCertificate issue(Leaf leaf, Instant now) {
    return issue(leaf, newKeys(), now);
  }

  /** A certificate for a key that is there already. */
  public KeyedCertificate issue(Leaf leaf, KeyPair keys, Instant now) {
    var end = now.plus(leaf.life());
    if (end.isAfter(own.expires())) {
      end = own.expires();
    }
    try {
      var utilities = new JcaX509ExtensionUtils();
      var issuer = X500Name.getInstance(certificate().getSubjectX500Principal().getEncoded());
      var builder = certificate(commonName(leaf.commonName()), keys.getPublic(), issuer, now, end);
      builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
      builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
      builder.addExtension(
          Extension.subjectKeyIdentifier,
          false,
          utilities.createSubjectKeyIdentifier(keys.getPublic()));
      builder.addExtension(
          Extension.authorityKeyIdentifier,
          false,
          utilities.createAuthorityKeyIdentifier(certificate()));
      builder.addExtension(
          Extension.extendedKeyUsage,
          false,
          new ExtendedKeyUsage(
              leaf.uses().stream()
                  .sorted()
                  .map(
                      use ->
                          switch (use) {
                            case SERVER -> KeyPurposeId.id_kp_serverAuth;
                            case CLIENT -> KeyPurposeId.id_kp_clientAuth;
                          })
                  .toArray(KeyPurposeId[]::new)));
      var names =
          Stream.concat(
                  leaf.dnsNames().stream().map(n -> new GeneralName(GeneralName.dNSName, n)),
                  leaf.addresses().stream().map(a -> new GeneralName(GeneralName.iPAddress, a)))
              .toArray(GeneralName[]::new);
      if (names.length > 0) {
        builder.addExtension(Extension.subjectAlternativeName, false, new GeneralNames(names));
      }
      return new KeyedCertificate(signed(builder, own.keys()), keys.getPrivate());
    } catch (GeneralSecurityException | OperatorCreationException | IOException e) {
      throw impossible(e);
    }
  }

  private static KeyPair newKeys() {
    try {
      var generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"), RANDOM);
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw impossible(e);
    }
  }

  private static X500Name commonName(String name) {
    return new X500NameBuilder().addRDN(BCStyle.CN, name).build();
  }

  private static JcaX509v3CertificateBuilder certificate(
      X500Name subject, PublicKey key, X500Name issuer, Instant now, Instant end) {
    return new JcaX509v3CertificateBuilder(
        issuer,
        new BigInteger(127, RANDOM),
        Date.from(now.minus(EARLIER)),
        Date.from(end),
        subject,
        key);
  }

  private static X509Certificate signed(JcaX509v3CertificateBuilder builder, KeyPair signer)
      throws GeneralSecurityException, OperatorCreationException {
    return new JcaX509CertificateConverter()
        .getCertificate(
            builder.build(
                new JcaContentSignerBuilder("SHA256withECDSA").build(signer.getPrivate())));
  }

  private static IllegalStateException impossible(Exception e) {
    return new IllegalStateException("This JVM cannot make EC certificates", e);
  }
}
