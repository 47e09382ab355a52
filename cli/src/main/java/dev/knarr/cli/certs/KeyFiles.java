// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.certs;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.Set;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemWriter;

/** PEM files: keys that only their owner reads and that are never overwritten, certificates. */
final class KeyFiles {
  private KeyFiles() {}

  /** Writes a key that was not there before, readable by its owner only from the first byte on. */
  static void writeKey(Path file, PrivateKey key) {
    var bytes = ByteBuffer.wrap(pem("PRIVATE KEY", key.getEncoded()));
    var ownerOnly =
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    try (var out =
        Files.newByteChannel(
            file, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), ownerOnly)) {
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
    } catch (FileAlreadyExistsException e) {
      throw new CertificateException(
          "%s is there already and is not overwritten: its certificate is missing. Move it away, and run this again."
              .formatted(file),
          e);
    } catch (IOException e) {
      throw failed(file, "written", e);
    }
  }

  /** Puts a certificate in the place of the one before, whole or not at all. */
  static void writeCertificate(Path file, X509Certificate certificate) {
    var part = file.resolveSibling(file.getFileName() + ".part");
    try {
      Files.write(part, pem("CERTIFICATE", certificate.getEncoded()));
      try {
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
      }
    } catch (IOException e) {
      throw failed(file, "written", e);
    } catch (java.security.cert.CertificateEncodingException e) {
      throw new IllegalStateException("A certificate just made has no encoding", e);
    }
  }

  private static byte[] pem(String label, byte[] content) {
    var text = new StringWriter();
    try (var writer = new PemWriter(text)) {
      writer.writeObject(new PemObject(label, content));
    } catch (IOException e) {
      throw new IllegalStateException("A text cannot be written", e);
    }
    return text.toString().getBytes(StandardCharsets.US_ASCII);
  }

  static PrivateKey readKey(Path file) {
    if (read(file) instanceof PrivateKeyInfo info) {
      try {
        return new JcaPEMKeyConverter().getPrivateKey(info);
      } catch (IOException e) {
        throw failed(file, "used", e);
      }
    }
    throw new CertificateException(
        "%s is no key of 'knarr certs'. Move it away, and run this again.".formatted(file));
  }

  static X509Certificate readCertificate(Path file) {
    if (read(file) instanceof X509CertificateHolder holder) {
      try {
        return new JcaX509CertificateConverter().getCertificate(holder);
      } catch (java.security.cert.CertificateException e) {
        throw new CertificateException("%s is damaged: %s".formatted(file, e.getMessage()), e);
      }
    }
    throw new CertificateException(
        "%s is no certificate of 'knarr certs'. Move it away, and run this again.".formatted(file));
  }

  private static Object read(Path file) {
    try (var parser = new PEMParser(Files.newBufferedReader(file))) {
      var first = parser.readObject();
      return first == null ? "nothing" : first;
    } catch (IOException e) {
      throw failed(file, "read", e);
    }
  }

  private static CertificateException failed(Path file, String what, IOException e) {
    return new CertificateException("%s cannot be %s: %s.".formatted(file, what, e), e);
  }
}
