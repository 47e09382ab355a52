// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.certs;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Optional;
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
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * A folder with a CA, a certificate for each worker's host and one for the head. Keys are of EC
 * P-256 and are made once; certificates are renewed whenever they are asked for. One thread.
 */
public final class CertificateFolder {
  private static final Duration AUTHORITY_LIFE = Duration.ofDays(3650);
  private static final Duration LIFE = Duration.ofDays(397);

  /** Clocks of other machines may be late. */
  private static final Duration EARLIER = Duration.ofHours(1);

  private static final String AUTHORITY = "ca";
  private static final String HEAD = "head";

  private final Path folder;
  private final Clock clock;
  private final SecureRandom random = new SecureRandom();

  private CertificateFolder(Path folder, Clock clock) {
    this.folder = folder;
    this.clock = clock;
  }

  /**
   * What is in the folder for one party.
   *
   * @param certificate the file to show to others
   * @param key the file that never leaves its machine
   * @param expires when the certificate ends
   */
  public record Party(Path certificate, Path key, Instant expires) {}

  /**
   * What was made.
   *
   * @param authority the CA's certificate and key
   * @param head for {@code knarr up}
   * @param workers in the order of the hosts
   * @param newAuthority whether the CA is new, or was there before
   */
  public record Made(Party authority, Party head, List<Party> workers, boolean newAuthority) {}

  private record Authority(X509Certificate certificate, KeyPair keys, boolean fresh) {}

  /**
   * Makes or renews the certificates of these hosts and of the head; the CA is made when there is
   * none.
   *
   * @param folder made when it is not there
   * @throws CertificateException when a file is in the way or cannot be written, or the CA has no
   *     time left
   */
  public static Made issue(Path folder, List<HostName> hosts, Clock clock) {
    for (var host : hosts) {
      if (host.fileName().equals(AUTHORITY) || host.fileName().equals(HEAD)) {
        throw new CertificateException(
            "A host cannot be called %s here: files of this name are the CA's and the head's. Use its address."
                .formatted(host.name()));
      }
    }
    return new CertificateFolder(folder, clock).issue(hosts);
  }

  private Made issue(List<HostName> hosts) {
    try {
      Files.createDirectories(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      var authority = authority();
      var head = issue(HEAD, Optional.empty(), authority);
      var workers = new ArrayList<Party>();
      for (var host : hosts) {
        workers.add(issue(host.fileName(), Optional.of(host), authority));
      }
      return new Made(
          party(AUTHORITY, authority.certificate), head, List.copyOf(workers), authority.fresh);
    } catch (IOException e) {
      throw new CertificateException("%s cannot be made: %s.".formatted(folder, e), e);
    } catch (GeneralSecurityException | OperatorCreationException e) {
      throw new IllegalStateException("This JVM cannot make EC certificates", e);
    }
  }

  private Authority authority()
      throws GeneralSecurityException, OperatorCreationException, CertIOException {
    var certificateFile = certificateFile(AUTHORITY);
    if (Files.exists(certificateFile)) {
      var certificate = KeyFiles.readCertificate(certificateFile);
      var end = certificate.getNotAfter().toInstant();
      if (end.isBefore(clock.instant().plus(LIFE))) {
        throw new CertificateException(
            "The CA in %s ends at %s, before what it would sign. Move the folder away and make all certificates anew; --tls-ca and --tls-client-ca may hold both CAs, one after the other, meanwhile."
                .formatted(certificateFile, end));
      }
      return new Authority(
          certificate,
          new KeyPair(certificate.getPublicKey(), KeyFiles.readKey(keyFile(AUTHORITY))),
          false);
    }
    var keys = newKeys();
    var name = commonName("Knarr CA " + Long.toHexString(random.nextLong()));
    var utilities = new JcaX509ExtensionUtils();
    var builder = certificate(name, keys, name, AUTHORITY_LIFE);
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(0));
    builder.addExtension(
        Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
    builder.addExtension(
        Extension.subjectKeyIdentifier,
        false,
        utilities.createSubjectKeyIdentifier(keys.getPublic()));
    var certificate = signed(builder, keys);
    KeyFiles.writeKey(keyFile(AUTHORITY), keys.getPrivate());
    KeyFiles.writeCertificate(certificateFile, certificate);
    return new Authority(certificate, keys, true);
  }

  private Party issue(String file, Optional<HostName> host, Authority authority)
      throws GeneralSecurityException, OperatorCreationException, CertIOException {
    var keys = keys(file);
    var subject = commonName(host.map(HostName::name).orElse("Knarr head"));
    var issuer = X500Name.getInstance(authority.certificate.getSubjectX500Principal().getEncoded());
    var utilities = new JcaX509ExtensionUtils();
    var builder = certificate(subject, keys, issuer, LIFE);
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
    builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
    builder.addExtension(
        Extension.subjectKeyIdentifier,
        false,
        utilities.createSubjectKeyIdentifier(keys.getPublic()));
    builder.addExtension(
        Extension.authorityKeyIdentifier,
        false,
        utilities.createAuthorityKeyIdentifier(authority.certificate));
    // A worker is a client, too: of the other worker that holds the other half of each tensor.
    builder.addExtension(
        Extension.extendedKeyUsage,
        false,
        host.isPresent()
            ? new ExtendedKeyUsage(
                new KeyPurposeId[] {KeyPurposeId.id_kp_serverAuth, KeyPurposeId.id_kp_clientAuth})
            : new ExtendedKeyUsage(KeyPurposeId.id_kp_clientAuth));
    if (host.isPresent()) {
      var name = host.get();
      int kind = name.isAddress() ? GeneralName.iPAddress : GeneralName.dNSName;
      builder.addExtension(
          Extension.subjectAlternativeName,
          false,
          new GeneralNames(new GeneralName(kind, name.name())));
    }
    var certificate = signed(builder, authority.keys);
    KeyFiles.writeCertificate(certificateFile(file), certificate);
    return party(file, certificate);
  }

  /** The keys of before, which may be on other machines already; new ones the first time. */
  private KeyPair keys(String file) throws GeneralSecurityException {
    if (Files.exists(certificateFile(file)) && Files.exists(keyFile(file))) {
      return new KeyPair(
          KeyFiles.readCertificate(certificateFile(file)).getPublicKey(),
          KeyFiles.readKey(keyFile(file)));
    }
    var keys = newKeys();
    KeyFiles.writeKey(keyFile(file), keys.getPrivate());
    return keys;
  }

  private KeyPair newKeys() throws GeneralSecurityException {
    var generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"), random);
    return generator.generateKeyPair();
  }

  private static X500Name commonName(String name) {
    return new X500NameBuilder().addRDN(BCStyle.CN, name).build();
  }

  private JcaX509v3CertificateBuilder certificate(
      X500Name subject, KeyPair keys, X500Name issuer, Duration life) {
    var now = clock.instant();
    return new JcaX509v3CertificateBuilder(
        issuer,
        new BigInteger(127, random),
        Date.from(now.minus(EARLIER)),
        Date.from(now.plus(life)),
        subject,
        keys.getPublic());
  }

  private static X509Certificate signed(JcaX509v3CertificateBuilder builder, KeyPair signer)
      throws GeneralSecurityException, OperatorCreationException {
    return new JcaX509CertificateConverter()
        .getCertificate(
            builder.build(
                new JcaContentSignerBuilder("SHA256withECDSA").build(signer.getPrivate())));
  }

  private Party party(String file, X509Certificate certificate) {
    return new Party(certificateFile(file), keyFile(file), certificate.getNotAfter().toInstant());
  }

  private Path certificateFile(String name) {
    return folder.resolve(name + ".pem");
  }

  private Path keyFile(String name) {
    return folder.resolve(name + ".key");
  }
}
